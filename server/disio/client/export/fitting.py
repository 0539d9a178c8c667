"""When results do not fit the format that was asked for."""

from disio.errors import UsageError


class UnfitError(UsageError):
    """The results do not fit the format, and never will: another format has to be taken."""
