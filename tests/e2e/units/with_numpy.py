"""Smallest eigenvalues of random symmetric matrices."""
# /// script
# dependencies = ["numpy>=2"]
# ///

import numpy as np


def split(params):
    """One payload for each matrix."""
    return range(params["count"])


def run(payload):
    """The eigenvalues of one matrix, and a cached array."""
    generator = np.random.default_rng(payload)
    matrix = generator.normal(size=(20, 20))
    return np.linalg.eigvalsh(matrix + matrix.T)


def reduce(results, params):
    """How many there were: computed where numpy may not be installed."""
    return sum(1 for _ in results)
