"""Runs pip for another environment than this one: ``python elsewhere.py ENVIRONMENT pip-arguments``.

pip compares the markers of requirements (``; sys_platform == "win32"``) with the Python that it runs in, even where it
is told another platform. ENVIRONMENT (JSON) has what they are to be compared with. Run as a script, by any Python that
has pip.
"""

import json
import sys
from typing import Any


def main() -> Any:
    """Run pip."""
    from pip._internal.cli.main import main as pip  # noqa: PLC0415 - only where this is a script is there pip
    from pip._vendor.packaging import markers  # noqa: PLC0415

    environment = json.loads(sys.argv[1])
    markers.default_environment = lambda: environment
    return pip(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
