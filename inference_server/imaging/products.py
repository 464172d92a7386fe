"""Products of matrices whose last bits are the same however many threads there are.  Pure functions."""

import numpy as np

TILE = 64, 128  # rows and columns of a product that is made at once
DEEP = 512  # terms that are summed at once
ALONE = 1 << 18  # multiplications that one thread does


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The matrix product of a (m, k) and b (k, n), float32, whose last bits do not depend on the number of threads.

    OpenBLAS, which NumPy's wheels have, divides a large product among its threads, and sums in another order
    at their borders.  A product of at most ALONE multiplications it leaves to one thread; so this one is made of such
    tiles, which are as large as they can be at these sizes.  More threads would cost more than they save here.
    """
    total = _shallow(a[:, :DEEP], b[:DEEP])
    for k in range(DEEP, a.shape[1], DEEP):
        total += _shallow(a[:, k : k + DEEP], b[k : k + DEEP])
    return total


def _shallow(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`matmul` of at most DEEP terms."""
    (m, k), n = a.shape, b.shape[1]
    width = min(n, TILE[1])
    height = max(1, min(TILE[0], ALONE // (k * width)))
    found = np.empty((m, n), np.float32)
    down, across = m - m % height, n - n % width
    for rows, high in ((slice(0, down), height), (slice(down, m), m - down)):
        for columns, wide in ((slice(0, across), width), (slice(across, n), n - across)):
            if high and wide:
                left = a[rows].reshape(-1, 1, high, k)
                right = b[:, columns].reshape(k, -1, wide).transpose(1, 0, 2)
                tiles = found[rows, columns].reshape(len(left), high, len(right), wide)
                np.matmul(left, right, out=tiles.transpose(0, 2, 1, 3))
    return found
