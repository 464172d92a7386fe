"""A linear model of which of some masks is meant: a conditional logit model (McFadden 1974)."""

import numpy as np

PENALTY = 1e-3  # on the square of each weight, features being standardised
STEPS, RATE = 300, 0.06  # of Adam (Kingma and Ba 2015)


def fitted(x: np.ndarray, y: np.ndarray, counts: np.ndarray, penalty: float = PENALTY) -> np.ndarray:
    """The weights of the features that maximise the expected IoU of the mask chosen.

    x: (n, masks, features); y: (n, masks), the IoU of each mask; counts: (n, 1), how much each choice counts, together
    1.
    """
    middle, spread = x.mean(axis=(0, 1)), x.std(axis=(0, 1)) + 1e-3
    x = (x - middle) / spread
    weights, mean, square = (np.zeros(x.shape[-1]) for _ in range(3))
    for step in range(1, STEPS + 1):
        utility = x @ weights
        chosen = np.exp(utility - utility.max(axis=1, keepdims=True))
        chosen /= chosen.sum(axis=1, keepdims=True)
        gain = chosen * (y - (chosen * y).sum(axis=1, keepdims=True)) * counts
        slope = 2 * penalty * weights - np.einsum("nk,nkf->f", gain, x)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        weights -= RATE * mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return np.asarray(weights / spread)
