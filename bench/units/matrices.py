"""A call into numpy."""
# /// script
# dependencies = ["numpy"]
# ///

import numpy as np


def run(payload: int) -> float:
    """The sum of an inverse matrix."""
    matrix = np.random.default_rng(payload).normal(size=(50, 50))
    return float(np.linalg.inv(matrix).sum())
