"""The manager: splits tasks, leases payloads, judges results, keeps everything in SQLite."""

from disio.manager.config import ManagerConfig
from disio.manager.service import serve

__all__ = ["ManagerConfig", "serve"]
