"""How heat undoes a magnet, by Monte Carlo."""

# /// script
# dependencies = ["numpy"]
# [tool.disio]
# title = "Ising magnets"
# timeout = 60
# ///

import numpy as np

SPINS = 16_384  # in one payload: 256 copies of a lattice of 8 x 8 points, or one of 128 x 128


def run(payload, ctx):
    """One temperature, one size of lattice."""
    size, temperature, sweeps = payload["size"], payload["temperature"], payload["sweeps"]
    rng = np.random.default_rng(ctx.rng.getrandbits(128))
    chances = chances_of_flips(temperature)
    spins = np.ones((size, size, SPINS // size**2), np.int8)
    measured = []
    for sweep in range(sweeps):
        sweep_once(spins, chances, rng)
        if sweep % 2 and sweep > sweeps // 4:  # until then it forgets how it began
            measured.append(measure(spins))
        ctx.progress(sweep / sweeps)
    magnetisation, energy = np.array(measured).transpose(1, 0, 2) / size**2
    squares = magnetisation**2
    result = {
        "size": size,
        "temperature": temperature,
        "magnetisation": float(np.abs(magnetisation).mean()),
        "energy": float(energy.mean()),
        "binder": float(1 - (squares**2).mean() / (3 * squares.mean() ** 2)),
    }
    return {**result, "picture": spins[:, :, 0]} if payload.get("picture") else result


def chances_of_flips(temperature):
    """How likely a spin flips (Metropolis), by spin times sum of neighbours: 0 to 4, then -4 to -1."""
    alignment = np.array([0, 1, 2, 3, 4, -4, -3, -2, -1])
    return np.exp(-2 * alignment / temperature).astype(np.float32)


def sweep_once(spins, chances, rng):
    """Offer every spin a flip: in four turns, since no two points of one turn are neighbours."""
    for row in (0, 1):
        for column in (0, 1):
            mine = spins[row::2, column::2]
            above, beside = spins[1 - row :: 2, column::2], spins[row::2, 1 - column :: 2]
            neighbours = above + np.roll(above, 1 - 2 * row, 0) + beside + np.roll(beside, 1 - 2 * column, 1)
            flips = rng.random(mine.shape, np.float32) < chances.take(mine * neighbours, mode="wrap")
            np.negative(mine, out=mine, where=flips)


def measure(spins):
    """Magnetisation and energy of each copy."""
    bonds = spins * (np.roll(spins, 1, 0) + np.roll(spins, 1, 1))
    return spins.sum((0, 1), np.int64), -bonds.sum((0, 1), np.int64)
