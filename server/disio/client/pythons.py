"""Whether a unit's ``requires-python`` takes the Python that is to compute it."""

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from disio.errors import UnitError
from disio.unit.contract import Metadata


def check_python(metadata: Metadata, filename: str, version: str, where: str) -> None:
    """See that a unit takes a Python.

    Args:
        metadata: the unit's.
        filename: its file's name, for people.
        version: of the Python, like 3.14.2.
        where: whose Python that is, for people.

    Raises:
        UnitError: it does not, or what it says of that cannot be read.
    """
    try:
        accepted = SpecifierSet(metadata.requires_python)
    except InvalidSpecifier:
        raise UnitError(
            f"{filename}: requires-python is {metadata.requires_python!r}, which cannot be read; write it like '>=3.12'"
        ) from None
    if not accepted.contains(version, prereleases=True):
        raise UnitError(
            f"{filename} wants Python {metadata.requires_python}, and {where} is {version}; "
            "change requires-python in its PEP 723 block"
        )
