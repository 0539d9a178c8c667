"""Everything a manager keeps, in one SQLite file: written in groups, durable when a group is done."""

from disio.manager.store.group import Group
from disio.manager.store.store import Store

__all__ = ["Group", "Store"]
