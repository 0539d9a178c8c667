"""The examples on the form for a new task."""

import json

from disio.dashboard.examples import default_parameters, find_examples


def test_every_work_unit_is_an_example_with_parameters() -> None:
    """All work units that come with Disio can be picked, with a title and parameters as JSON."""
    examples = {example.name: example for example in find_examples()}
    assert {"pi_digits", "mandelbrot", "epidemic_sweep"} <= set(examples)
    assert all(example.title and example.summary for example in examples.values())
    assert json.loads(examples["pi_digits"].params)["digits"] == 1000


def test_parameters_are_read_without_running_anything() -> None:
    """Defaults are found in ``DEFAULTS`` and in ``params.get``; what is no literal is left out."""
    source = """
DEFAULTS: dict = {"a": 1, "b": [x for x in range(3)], "c": {1, 2}}
raise SystemExit
def split(params):
    return range(params.get("d", 4), params.get("e"), params.get("f", len("x")), other.get("g", 1))
"""
    assert dict(default_parameters(source)) == {"a": 1, "d": 4}
