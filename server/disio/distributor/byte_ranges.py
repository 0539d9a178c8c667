"""Which part of a file a request asks for (RFC 9110, section 14)."""

import re
from typing import Final

from werkzeug.exceptions import RequestedRangeNotSatisfiable

_ONE_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


def asked_part(header: str, size: int) -> tuple[int, int] | None:
    """Where the part begins and ends; None if the file is to be sent whole: no range of bytes, a bad one, or several.

    Args:
        header: the request's Range header.
        size: bytes of the file.

    Raises:
        RequestedRangeNotSatisfiable: the file has nothing there.
    """
    asked = _ONE_RANGE.fullmatch(header.strip())
    if asked is None:
        return None
    first, last = asked.groups()
    if not first and not last:
        return None
    if first and last and int(first) > int(last):
        return None
    begin = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if begin >= end:
        raise RequestedRangeNotSatisfiable(size)
    return begin, end
