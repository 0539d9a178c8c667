"""``python -m disio`` is the command ``disio``."""

import sys

from disio.cli import main

if __name__ == "__main__":
    sys.exit(main())
