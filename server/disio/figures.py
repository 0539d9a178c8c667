"""How figures and times are written for people: on the command line and on the dashboard's pages."""

import math


def counted(number: int, noun: str, plural: str = "") -> str:
    """So many of something; ``plural`` where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def duration(seconds: float | None) -> str:
    """Seconds as people say them; a dash if unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def ago(then: float, now: float) -> str:
    """How long ago a moment was, roughly."""
    seconds = max(0.0, now - then)
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min ago"
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f} h ago"
    return f"{seconds // 86400:.0f} d ago"


def rate(per_second: float) -> str:
    """A rate with a sensible number of digits."""
    if per_second >= 9.95:
        return f"{per_second:,.0f}/s"
    return f"{per_second:.1f}/s" if per_second >= 0.095 or per_second <= 0 else f"{per_second * 60:.1f}/min"


def size(count: int) -> str:
    """A number of bytes."""
    if count < 1000:
        return f"{count:,} bytes"
    power = 1 if count < 1000 * 1024 else 2 if count < 1000 * 1024**2 else 3
    return f"{count / 1024**power:,.1f} {('KiB', 'MiB', 'GiB')[power - 1]}"


def milliseconds(ms: float) -> str:
    """A short time."""
    if ms >= 9950:
        return duration(ms / 1000)
    return f"{ms:,.0f} ms" if ms >= 9.95 else f"{ms:.2g} ms"
