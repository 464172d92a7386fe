import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_server.imaging.products import matmul

from ..property import examples


@settings(max_examples=examples(25))
@given(st.integers(1, 300), st.integers(1, 1300), st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_a_product_is_made_of_tiles(rows, terms, columns, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.random((rows, terms), np.float32), rng.random((columns, terms), np.float32).T
    assert np.allclose(matmul(a, b), a.astype(float) @ b, rtol=1e-5)
