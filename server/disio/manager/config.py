"""What can be set about a manager."""

from dataclasses import dataclass
from pathlib import Path

from disio.manager.leases import GRACE_SECONDS
from disio.manager.sandbox import Limits
from disio.wire.zmq import GridKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerConfig:
    """Settings of one manager.

    Args:
        data: its directory, for the database.
        host: the address that distributors and dashboards dial.
        port: its port; 0 for a free one.
        key: the grid's key; needed where ``host`` is not a loopback address.
        announce: let others find this manager by zeroconf.
        split_timeout: the longest that ``split`` may take from one payload to the next, in seconds.
        reduce_timeout: the longest that ``reduce`` may take, in seconds.
        agree_timeout: the longest that ``agree`` may take for two answers, in seconds.
        sandbox_memory: address space of ``split`` and ``reduce``, in bytes.
        grace: how long leases wait for a volunteer whose distributor has vanished, in seconds.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 7702
    key: GridKey | None = None
    announce: bool = True
    split_timeout: float = 60.0
    reduce_timeout: float = 3600.0
    sandbox_memory: int = 2 * 1024**3
    agree_timeout: float = 10.0
    grace: float = GRACE_SECONDS

    @property
    def split_limits(self) -> Limits:
        """What ``split`` may use."""
        return Limits(memory=self.sandbox_memory, silence=self.split_timeout)

    @property
    def agree_limits(self) -> Limits:
        """What ``agree`` may use."""
        return Limits(memory=self.sandbox_memory, silence=self.agree_timeout)

    @property
    def reduce_limits(self) -> Limits:
        """What ``reduce`` may use."""
        return Limits(memory=self.sandbox_memory, silence=self.reduce_timeout)
