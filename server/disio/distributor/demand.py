"""Which manager has been asked for how much, for whom: protocol.md's "demand is credit". No I/O."""

from collections import deque


class Demand:
    """The open demand of all volunteers. A volunteer has open demand with one manager at a time."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, int]] = {}
        self._dry: dict[str, set[str]] = {}
        self._turn: deque[str] = deque()

    def up(self, manager: str) -> None:
        """A manager can be asked (again); it remembers nothing of what it was asked before."""
        self.down(manager)
        self._dry[manager] = set()
        self._turn.append(manager)

    def down(self, manager: str) -> None:
        """A manager is away: what it was asked for is open no more."""
        if self._dry.pop(manager, None) is not None:
            self._turn.remove(manager)
        self._open = {volunteer: ask for volunteer, ask in self._open.items() if ask[0] != manager}

    def ready(self, manager: str) -> set[str]:
        """A manager has work again; the volunteers that it had nothing for."""
        waiting = self._dry.get(manager, set())
        if waiting:
            self._dry[manager] = set()
        return waiting

    def dry(self, manager: str, volunteers: list[str]) -> None:
        """A manager has nothing for these; their demand is closed."""
        self._dry.get(manager, set()).update(volunteers)
        for volunteer in volunteers:
            if self._open.get(volunteer, ("", 0))[0] == manager:
                del self._open[volunteer]

    def granted(self, manager: str, volunteer: str, count: int) -> None:
        """A grant has used up demand."""
        asked, left = self._open.get(volunteer, ("", 0))
        if asked == manager:
            if left > count:
                self._open[volunteer] = (manager, left - count)
            else:
                del self._open[volunteer]

    def forget(self, volunteer: str) -> None:
        """A volunteer has left; its manager closes the demand by itself."""
        self._open.pop(volunteer, None)
        for waiting in self._dry.values():
            waiting.discard(volunteer)

    def open(self, volunteer: str) -> int:
        """How much is open for a volunteer."""
        return self._open.get(volunteer, ("", 0))[1]

    def move(self, volunteer: str) -> str:
        """Close a volunteer's open demand because its manager takes long; the manager, or "" if nobody else is left.

        The next demand goes to the manager whose turn it is.
        """
        manager, _ = self._open.get(volunteer, ("", 0))
        others = [other for other, waiting in self._dry.items() if other != manager and volunteer not in waiting]
        if not manager or not others:
            return ""
        del self._open[volunteer]
        while self._turn[0] not in others:
            self._turn.rotate(-1)
        return manager

    def ask(self, volunteer: str, deficit: int, target: int, preferred: str) -> tuple[str, int] | None:
        """The demand to send now, if any: which manager, and how many leases (replacing what is open).

        Small changes are not worth a message: one is sent when the demand was used up, or is off by
        an eighth of ``target``, or must be closed.
        """
        manager, count = self._open.get(volunteer, ("", 0))
        if count:
            if abs(deficit - count) < max(1, target // 8) and deficit > 0:
                return None
        elif deficit <= 0:
            return None
        else:
            manager = self._choose(volunteer, preferred)
            if not manager:
                return None
        if deficit > 0:
            self._open[volunteer] = (manager, deficit)
        else:
            del self._open[volunteer]
        return manager, deficit

    def _choose(self, volunteer: str, preferred: str) -> str:
        if preferred in self._dry and volunteer not in self._dry[preferred]:
            return preferred
        for _ in range(len(self._turn)):
            manager = self._turn[0]
            self._turn.rotate(-1)
            if volunteer not in self._dry[manager]:
                return manager
        return ""
