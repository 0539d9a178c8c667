"""How many primes there are in a range."""

# /// script
# [tool.disio]
# timeout = 30
# ///


def split(params):
    """Ranges of ``size`` numbers, up to ``stop``."""
    for start in range(0, params["stop"], params.get("size", 100)):
        yield [start, min(start + params.get("size", 100), params["stop"])]


def is_prime(number):
    """Trial division."""
    return number > 1 and all(number % factor for factor in range(2, int(number**0.5) + 1))


def run(payload):
    """Primes in one range."""
    start, stop = payload
    if start > stop:
        raise ValueError(f"the range {start} to {stop} is empty")
    print("looking at", start)
    return sum(map(is_prime, range(start, stop)))


def reduce(results, params):
    """Primes in all ranges."""
    return sum(results)
