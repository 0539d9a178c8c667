"""Pure Python arithmetic of a chosen length: ``params["loops"]`` turns a payload."""


def split(params):  # type: ignore[no-untyped-def]
    """As many payloads as ``params["payloads"]``, each the number of turns."""
    return [params["loops"]] * params["count"]


def run(loops: int) -> int:
    """A linear congruential generator, turned ``loops`` times."""
    value = 12345
    for _ in range(loops):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
    return value
