"""Logs go to standard error: coloured lines on a terminal, JSON lines otherwise."""

import logging
import os
import sys

import structlog
from structlog.typing import Processor


def set_up_logs(*, verbose: bool = False, quiet: bool = False) -> None:
    """Configure structlog and the standard library's logging alike."""
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    if sys.stderr.isatty():
        last: list[Processor] = [structlog.dev.ConsoleRenderer(colors="NO_COLOR" not in os.environ)]
    else:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("asyncio", "hypercorn", "httpx", "httpcore", "zeroconf", "aiosqlite"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
