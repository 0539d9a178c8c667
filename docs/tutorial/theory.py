"""What is known exactly about the Ising model on an endless square lattice."""

import numpy as np

CRITICAL = 2 / np.log(1 + np.sqrt(2))  # Kramers and Wannier, 1941


def magnetisation(temperature):
    """L. Onsager 1944, proved by C. N. Yang 1952; zero above the critical temperature."""
    inside = 1 - np.sinh(2 / np.asarray(temperature, float)) ** -4.0
    return np.maximum(inside, 0) ** (1 / 8)


def energy(temperature):
    """L. Onsager 1944, for each point; the elliptic integral by the arithmetic-geometric mean."""
    double = 2 / np.asarray(temperature, float)
    twist = 2 * np.tanh(double) ** 2 - 1
    a, b = np.ones_like(double), np.abs(twist)
    for _ in range(40):
        a, b = (a + b) / 2, np.sqrt(a * b)
    return -(1 + twist / a) / np.tanh(double)
