"""How many connections the system lets this process have open."""

import importlib.util
from dataclasses import replace
from typing import Final

import structlog

from disio.distributor.limits import Limits

_OTHERS: Final = 256
"""Files, databases and links to managers."""

_log = structlog.get_logger("disio.distributor")


def fitting(limits: Limits) -> Limits:
    """The limits with no more connections than can be open, which is first raised as far as the system allows."""
    if importlib.util.find_spec("resource") is None:  # Windows has no such limit
        return limits
    import resource  # noqa: PLC0415 - not there everywhere

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.sockets + _OTHERS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limits
    _log.warning("the system allows fewer open files than connections are allowed", files=soft, sockets=limits.sockets)
    return replace(limits, sockets=max(1, soft - _OTHERS))
