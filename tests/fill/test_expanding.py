"""A larger canvas that a model paints (`tests/test_expand.py` has the rest)."""

from inference_server import Engine
from inference_server.models.store import Store

from ..small_models import picture


def test_from_a_prompt_a_model_paints_what_is_out_there(small_models, tmp_path):
    image, model = picture(100, 70), str(small_models / "sd15")
    engine = Engine(Store(tmp_path))
    for prompt in ("a sea", ""):
        large = engine.expand(image, right=40, bottom=20, prompt=prompt, quality="fast", model=model)
        assert large.shape == (90, 140, 3) and (large[:70, :100] == image).all()
        assert large[:, 100:].std() > 0
    again = engine.expand(image, right=40, bottom=20, prompt="", quality="fast", model=model)
    assert (again == large).all()
