"""Results that were passed on and are not acknowledged yet, for one manager. No I/O."""

from collections.abc import Iterator

from disio.wire.grid import Results


class Parcel:
    """One frame of results. ``row``: where it stands in the spool, 0 when only in memory."""

    __slots__ = ("remaining", "results", "row")

    def __init__(self, results: Results, row: int = 0) -> None:
        self.results = results
        self.row = row
        self.remaining = {item.lease for item in results.items}

    @property
    def size(self) -> int:
        """Bytes, about: what counts against limits."""
        return len(self.results.data) + 40 * len(self.results.items) + sum(len(item.log) for item in self.results.items)


class Outbox:
    """Parcels in the order in which they came."""

    def __init__(self) -> None:
        self._parcels: dict[tuple[str, str], list[Parcel]] = {}
        self.size = 0
        self.results = 0

    def __iter__(self) -> Iterator[Parcel]:
        for parcels in self._parcels.values():
            yield from parcels

    def __bool__(self) -> bool:
        return bool(self._parcels)

    def add(self, parcel: Parcel) -> None:
        """Keep a parcel until it is acknowledged."""
        self._parcels.setdefault((parcel.results.task, parcel.results.volunteer), []).append(parcel)
        self.size += parcel.size
        self.results += len(parcel.remaining)

    def acknowledged(self, task: str, volunteer: str, leases: set[int]) -> tuple[set[int], list[Parcel]]:
        """The manager has these: the leases that were waited for, and the parcels that are done with."""
        waited: set[int] = set()
        done: list[Parcel] = []
        for parcel in self._parcels.get((task, volunteer), []):
            now = parcel.remaining & leases
            if now:
                waited |= now
                parcel.remaining -= now
                self.results -= len(now)
                if not parcel.remaining:
                    done.append(parcel)
        for parcel in done:
            self.remove(parcel)
        return waited, done

    def remove(self, parcel: Parcel) -> bool:
        """Forget a parcel. False if it had been acknowledged meanwhile."""
        key = (parcel.results.task, parcel.results.volunteer)
        parcels = self._parcels.get(key, [])
        if parcel not in parcels:
            return False
        parcels.remove(parcel)
        if not parcels:
            del self._parcels[key]
        self.size -= parcel.size
        self.results -= len(parcel.remaining)
        return True

    def front(self, size: int) -> list[Parcel]:
        """The first parcels, up to so many bytes in all (but always one)."""
        chosen: list[Parcel] = []
        for parcel in self:
            if chosen and size < parcel.size:
                break
            size -= parcel.size
            chosen.append(parcel)
        return chosen
