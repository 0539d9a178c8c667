"""Answers even numbers and raises for odd ones."""


def check(number):
    """Raise for odd numbers."""
    if number % 2:
        raise ValueError(f"{number} is odd")


def run(payload):
    """The number, if it is even."""
    print("looking at", payload)
    check(payload)
    return payload
