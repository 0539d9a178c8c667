"""The energy of a ring of spins."""


def energy(configuration: int, couplings: list[int]) -> int:
    """Of a configuration whose bits are spins."""
    count = len(couplings)
    spins = [1 if configuration >> bit & 1 else -1 for bit in range(count)]
    return -sum(coupling * spins[i] * spins[(i + 1) % count] for i, coupling in enumerate(couplings))
