"""Adds payloads to an open task from a thread of its own; the twin of ``async_feeding``, method for method."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from disio.client.streams import QUEUE_ITEMS, Patience, Supply
from disio.errors import DisioError, UnreachableError

if TYPE_CHECKING:
    from disio.client.blocking import Client

T = TypeVar("T")


def patiently(ask: Callable[[], T]) -> T:
    """What a request that may be made twice gives; a dashboard or manager that is away for a minute is waited for.

    Raises:
        DisioError: what it raises, if that is something else or goes on for longer.
    """
    patience = Patience()
    while True:
        try:
            return ask()
        except UnreachableError as error:
            time.sleep(patience.pause(error, time.monotonic()))


class Feeding:
    """Sends what is put into it as soon as it can: batches form by themselves while a request is under way.

    A dashboard or manager that is away for a minute is waited for.

    Args:
        client: by which it sends.
        task: the open task.
        first: the index that the first payload gets.
    """

    def __init__(self, client: "Client", task: str, first: int) -> None:
        self._client = client
        self._task = task
        self._supply = Supply(first)
        self._changed = threading.Condition()
        self._finishing = False
        self._stopped = threading.Event()
        self._error: DisioError | None = None
        self._thread = threading.Thread(target=self._run, name=f"feeding {task}", daemon=True)
        self._thread.start()

    def put(self, data: bytes) -> int:
        """One more payload, in codec bytes; waits while many are not sent yet. Returns its index.

        Raises:
            DisioError: those before it could not be added.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._supply) < QUEUE_ITEMS or self._error is not None)
            if self._error is not None:
                raise self._error
            self._changed.notify_all()
            return self._supply.put(data)

    def finish(self) -> None:
        """Wait until everything is stored.

        Raises:
            DisioError: it could not be.
        """
        with self._changed:
            self._finishing = True
            self._changed.notify_all()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Send nothing any more; what is not stored by now is dropped."""
        self._stopped.set()
        with self._changed:
            self._finishing = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        patience = Patience()
        while not self._stopped.is_set():
            with self._changed:
                self._changed.wait_for(lambda: len(self._supply) or self._finishing)
                if not len(self._supply):
                    return
                body = self._supply.body()
            try:
                stored = self._client.add_payloads(self._task, body)
            except UnreachableError as error:
                try:
                    self._stopped.wait(patience.pause(error, time.monotonic()))
                except UnreachableError:
                    self._fail(error)
                    return
            except DisioError as error:
                self._fail(error)
                return
            else:
                patience.success()
                with self._changed:
                    self._supply.stored(stored)
                    self._changed.notify_all()

    def _fail(self, error: DisioError) -> None:
        with self._changed:
            self._error = error
            self._changed.notify_all()
