"""Tries the codec of the browser it runs in: each payload is the source of the cases, a seed and a count."""

from types import ModuleType

from disio.errors import CodecError
from disio.unit import codec


def run(payload):
    """How many hostile bytes were refused; raises if a case fails."""
    source, seed, count = payload
    cases = ModuleType("codec_cases")
    exec(compile(source, "codec_cases.py", "exec"), cases.__dict__)
    return cases.run_cases(codec, CodecError, seed=seed, count=count)
