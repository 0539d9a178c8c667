"""The loader's source in fewer bytes: nothing that it does is another thing."""

import re
import shutil
import subprocess

import pytest

from disio.assets import asset
from disio.distributor.minify import minify

SOURCE = """
/* A comment */
((said) => {
  const { place, other } = said;
  const [first, second] = [place, other];
  const counted = { first, amount: second };
  let amount = 1;
  function joined(parts, between) {
    return parts.join(between) + "counted" + /joined.counted/.source;
  }
  const item = `amount ${amount} of ${counted.amount}`;
  for (const name of [first, second]) counted[name] = (one) => one + name;
  const third = second ? amount : first;
  return { item, said, text: joined(Object.keys(counted), ","), called: counted[place](first), third };
})({ place: "a", other: "b" });
"""


def test_only_names_of_its_own_are_shortened() -> None:
    """Members, keys, keys that are also names, and texts stay as they are."""
    short = minify(SOURCE)
    for kept in (
        "place",
        "other",
        ".amount",
        "amount:",
        '"counted"',
        "/joined.counted/",
        "`amount ${",
        "{item,said,",
        "{first,",
    ):
        assert kept in short
    for gone in ("joined(", "parts", "between", "name", "const counted", "(one)", "A comment", ";}"):
        assert gone not in short


def test_it_does_the_same() -> None:
    """What a script gives, it gives as well when it is short; the loader's own is still a script."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node")

    def given(script: str) -> str:
        program = f"console.log(JSON.stringify({script.strip().rstrip(';')}))"
        return subprocess.run([node, "-e", program], check=True, capture_output=True, text=True).stdout

    assert given(minify(SOURCE)) == given(SOURCE) != ""
    loader = minify((asset("worker") / "loader.js").read_text("utf-8"))
    subprocess.run([node, "--check", "-"], input=loader, check=True, capture_output=True, text=True)


def test_the_loader_is_as_minify_wants_it() -> None:
    """Its templates have only names and members in their places: a text in a place would be taken for code."""
    source = (asset("worker") / "loader.js").read_text("utf-8")
    for place in re.findall(r"\$\{(.*?)\}", source):
        assert re.fullmatch(r"[\w.() +*\[\]]+", place)
