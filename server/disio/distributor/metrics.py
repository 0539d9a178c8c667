"""What a distributor counts, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class Metrics:
    """Counters and gauges of one distributor, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.connections = self._counter("connections", "Volunteers' connections accepted.")
        self.refused = Counter(
            "disio_refused", "Connections ended by this distributor, by reason.", ["code"], registry=self._registry
        )
        self.turned_away = Counter(
            "disio_turned_away", "Refused at the door, by reason.", ["reason"], registry=self._registry
        )
        self.slowed = Counter(
            "disio_slowed_seconds", "Seconds that addresses over their share waited.", ["kind"], registry=self._registry
        )
        self.limit = Gauge("disio_limit", "Limits as they are set (--limit).", ["name"], registry=self._registry)
        self.granted = self._counter("granted_leases", "Leases that managers granted.")
        self.results = self._counter("results", "Results that volunteers sent.")
        self.acknowledged = self._counter("acknowledged_results", "Results acknowledged to volunteers.")
        self.rejected = self._counter("rejected_results", "Results that count for nothing.")
        self.spooled = self._counter("spooled_results", "Results that were written to the spool.")
        self.frames_in = self._counter("received_frames", "Frames from volunteers.")
        self.frames_out = self._counter("sent_frames", "Frames to volunteers.")
        self.bytes_in = self._counter("received_bytes", "Bytes in frames from volunteers.")
        self.bytes_out = self._counter("sent_bytes", "Bytes in frames to volunteers.")

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge that is read when somebody looks."""
        Gauge(f"disio_{name}", text, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"disio_{name}", text, registry=self._registry)
