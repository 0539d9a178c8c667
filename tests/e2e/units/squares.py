"""Squares, with as much pure Python work as the payload says."""


def split(params):
    """Payloads 0 to count - 1, with the work for each."""
    for number in range(params["count"]):
        yield [number, params.get("loops", 0)]


def run(payload):
    """The number's square, after so many turns of a loop."""
    number, loops = payload
    for _ in range(loops):
        pass
    return number * number


def reduce(results, params):
    """The sum of all squares."""
    return sum(results)
