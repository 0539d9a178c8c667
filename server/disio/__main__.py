"""``python -m disio`` is the same as the command ``disio``."""

from disio.cli import main

if __name__ == "__main__":
    main()
