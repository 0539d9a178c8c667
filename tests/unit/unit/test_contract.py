"""A unit is read without executing it; what cannot work is said at once."""

import textwrap

import pytest

from disio.errors import UnitError
from disio.unit.contract import DEFAULT_TIMEOUT, default_split, load_unit, takes_context

WHOLE = '''\
"""Adds one.

More text.
"""
# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2", "sympy"]
# [tool.disio]
# title = "Adder"
# homepage = "https://example.org:8443/adder?lang=en#what"
# timeout = 2.5
# [tool.other]
# anything = 1
# ///
raise SystemExit("reading executes nothing")
def split(params): ...
def run(payload, ctx): ...
def agree(a, b): ...
def reduce(results, params): ...
'''


def test_whole_unit() -> None:
    """Everything that a unit can say of itself is read."""
    unit = load_unit(WHOLE, "some/where/adder.py")
    assert (unit.name, unit.filename) == ("adder", "adder.py")
    assert unit.description == "Adds one.\n\nMore text."
    assert (unit.has_split, unit.has_agree, unit.has_reduce) == (True, True, True)
    assert unit.metadata.title == "Adder"
    assert unit.metadata.homepage == "https://example.org:8443/adder?lang=en#what"
    assert unit.metadata.timeout == 2.5
    assert unit.metadata.dependencies == ("numpy>=2", "sympy")
    assert unit.metadata.requires_python == ">=3.11"
    assert len(unit.sha256) == 64


def test_smallest_unit() -> None:
    """A unit needs nothing but run; bytes, a byte order mark and Windows' line ends are the same unit."""
    unit = load_unit("def run(payload):\n    return payload\n", "x.py")
    assert (unit.has_split, unit.has_agree, unit.has_reduce) == (False, False, False)
    assert (unit.description, unit.metadata.title, unit.metadata.timeout) == ("", "", DEFAULT_TIMEOUT)
    other = load_unit(b"\xef\xbb\xbfdef run(payload):\r\n    return payload\r\n", "x.py")
    assert other.sha256 == unit.sha256


@pytest.mark.parametrize(
    "source",
    [
        "run = lambda x: x",
        "from elsewhere import run",
        "from elsewhere import compute as run",
        "import functools\nrun: object = functools.partial(pow, 2)",
        "try:\n    from fast import run\nexcept ImportError:\n    def run(x): return x",
        "if True:\n    def run(x): return x",
        "def run(*payload): ...",
        "def run(payload, precision=3, *, more=2): ...",
        "def run(payload, /, ctx): ...",
    ],
)
def test_ways_to_define_run(source: str) -> None:
    """However the module binds run, it is found."""
    assert load_unit(source, "x.py").name == "x"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def run(x):\n    return (", "x.py, line 2: '(' was never closed: return ("),
        ("x = 1\n\0", "null bytes"),
        (b"\xff\xfe", "x.py is not UTF-8 text"),
        ("", "x.py is empty; a work unit is a Python module with a function run(payload)"),
        ('"""Only words."""', "x.py has no function run(payload); run is what volunteers compute"),
        ("def ruN(x): ...", "(it has ruN)"),
        ("class A:\n    def run(self): ...", "has no function run"),
        (
            "async def run(x): ...",
            "line 1: run is async; write a plain function: def run(payload) or run(payload, ctx)",
        ),
        ("class run: ...", "run is a class"),
        ("def run(): ...", "run is called with 1 or 2 positional arguments"),
        ("def run(a, b, c): ...", "run is called with 1 or 2 positional arguments"),
        ("def run(a, *, b): ...", "run is called with"),
        (
            "def run(a): ...\ndef split(): ...",
            "line 2: split is called with 1 positional argument; write def split(params)",
        ),
        ("def run(a): ...\ndef agree(a): ...", "agree is called with 2 positional arguments"),
        ("def run(a): ...\ndef reduce(results): ...", "write def reduce(results, params)"),
        ("def run(a): ...\nasync def reduce(results, params): ...", "reduce is async"),
        ("#" * 1_100_000, "a unit's source may have 1,048,576"),
        ("(" * 50_000 + ")" * 50_000, "x.py"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_bad_units(source: str | bytes, message: str) -> None:
    """What cannot be run is refused with the line and what to write instead."""
    with pytest.raises(UnitError) as caught:
        load_unit(source, "x.py")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("[tool.disio]\ntimout = 5", "unknown metadata tool.disio.timout; did you mean timeout?"),
        ("dependancies = []", "unknown metadata dependancies; did you mean dependencies?"),
        ("zebra = 1", "there are dependencies, requires-python, tool"),
        ("[tool.disio]\ntimeout = 0", "more than 0 and at most 86400"),
        ("[tool.disio]\ntimeout = nan", "must be seconds"),
        ("[tool.disio]\ntimeout = true", "must be seconds"),
        ("[tool.disio]\ntimeout = '5'", "must be seconds"),
        ("[tool.disio]\ntitle = 5", "title must be one line of text"),
        ("[tool.disio]\ntitle = 'a\\nb'", None),
        ('[tool.disio]\ntitle = "a\\nb"', "title must be one line of text"),
        ("[tool.disio]\nhomepage = 5", "homepage must be one line of text"),
        ("[tool.disio]\nhomepage = 'javascript:alert(1)'", "homepage is 'javascript:alert(1)'; it must be the address"),
        ("[tool.disio]\nhomepage = 'http://example.org'", "begins with https://"),
        ("[tool.disio]\nhomepage = 'https://you@example.org/'", "begins with https://"),
        ("[tool.disio]\nhomepage = 'https://example.org/a b'", "begins with https://"),
        (f"[tool.disio]\nhomepage = 'https://example.org/{'a' * 200}'", "at most 200 characters"),
        ("dependencies = 'numpy'", "dependencies must be a list"),
        ("dependencies = ['numpy', 5]", "dependencies has '5'; write it like 'numpy>=2'"),
        ("dependencies = ['-e .']", "write it like"),
        ("requires-python = 3", "requires-python must be"),
        ("tool = 1", "write [tool.disio]"),
        ("[tool]\ndisio = 1", "write [tool.disio]"),
        ("what is this", "no TOML"),
    ],
)
def test_metadata_errors(block: str, message: str | None) -> None:
    """Metadata that cannot be used is refused, and a slip of the pen gets a suggestion."""
    source = f"# /// script\n{textwrap.indent(block, '# ')}\n# ///\ndef run(x): ...\n"
    if message is None:
        load_unit(source, "x.py")
        return
    with pytest.raises(UnitError) as caught:
        load_unit(source, "x.py")
    assert message in str(caught.value)


def test_metadata_blocks() -> None:
    """A block that does not end, and a second block, are errors and not silence."""
    with pytest.raises(UnitError, match="does not end"):
        load_unit("# /// script\n# dependencies = []\ndef run(x): ...\n", "x.py")
    block = "# /// script\n# dependencies = []\n# ///\n\n"
    with pytest.raises(UnitError, match="2 '# /// script' blocks"):
        load_unit(f"{block}{block}def run(x): ...\n", "x.py")


def test_context_rule() -> None:
    """The context goes to a second parameter without default, or to one that is called ctx or context."""
    assert not takes_context([("payload", False)])
    assert takes_context([("payload", False), ("anything", False)])
    assert not takes_context([("payload", False), ("precision", True)])
    assert takes_context([("payload", False), ("ctx", True)])


def test_default_split() -> None:
    """Without split the parameters name the payloads: a list, or a range."""
    assert default_split({"payloads": [3, "x"]}) == [3, "x"]
    assert list(default_split({"stop": 3})) == [0, 1, 2]
    assert list(default_split({"start": 5, "stop": 0, "step": -2})) == [5, 3, 1]
    assert len(default_split({"stop": 10**12})) == 10**12


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "has no split(params), and the parameters name no payloads"),
        (None, "has no split(params)"),
        ({"payloads": "abc"}, "payloads is of type str; it must be a list"),
        ({"stop": 1.5}, "stop is '1.5'; it must be a whole number"),
        ({"stop": True}, "stop is 'True'"),
        ({"stop": 5, "step": 0}, "step is 0"),
    ],
)
def test_default_split_errors(params: object, message: str) -> None:
    """Parameters that name no payloads are an error that says how to name them."""
    with pytest.raises(UnitError) as caught:
        default_split(params)
    assert message in str(caught.value)


@pytest.mark.parametrize("requirement", ["model @ file:///home/ada/model", "model[all]@https://example.org/m.whl"])
def test_a_dependency_with_an_address_is_refused_by_name(requirement: str) -> None:
    """With how a package of one's own is named instead."""
    with pytest.raises(UnitError, match=r"dependency 'model.* names an address; .*\[tool.disio\] packages"):
        load_unit(f'# /// script\n# dependencies = ["{requirement}"]\n# ///\ndef run(payload): return 1\n', "unit.py")
