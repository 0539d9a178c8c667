"""A process of several volunteers that keep a journal and, when told on standard input, misbehave.

Commands, one a line: ``replay COUNT`` sends results once more, ``steal COUNT`` answers leases of the others in
this process wrongly, ``withhold SECONDS`` computes on without a connection and answers afterwards. Each connection is
made to a distributor chosen anew, so results without acknowledgement travel from one to another.
"""

import argparse
import asyncio
import contextlib
import random
import signal
import sys
from collections import deque
from pathlib import Path
from typing import Final

import uvloop
from websockets.exceptions import ConnectionClosed

from disio.testing.volunteer import PythonVolunteer
from disio.unit import codec
from disio.wire.volunteer import ANSWERED, Ack, ResultItem, Results, Task, ToVolunteer, Work
from tests.chaos.journal import Entry, Journal

REMEMBERED: Final = 2000
CHECKED: Final = ("checked.py", "voted.py")
"""Files of the units whose answers are checked: elsewhere a lie would be believed."""
_WRONG: Final = codec.encode("stolen")


class ChaosVolunteer(PythonVolunteer):
    """A volunteer that writes down what it is told.

    Args:
        urls: the distributors.
        window: leases it wants to hold.
        journal: where acknowledgements are written down.
        pace: seconds to rest after each result, until ``calm`` exists.
        calm: a file.
        chance: decides what is left to chance.
        saboteur: it lies where answers are checked: as the others where trust is what counts, for itself where
            votes are counted, since two that say the same would be believed there.
    """

    def __init__(
        self,
        urls: list[str],
        *,
        window: int,
        journal: Journal,
        pace: float,
        calm: Path,
        chance: random.Random,
        saboteur: bool,
    ) -> None:
        super().__init__(chance.choice(urls), window=window, secret=f"{chance.getrandbits(128):032x}")
        self._urls = urls
        self._journal = journal
        self._pace, self._calm = pace, calm
        self._chance = chance
        self._saboteur = saboteur
        self._files: dict[str, str] = {}
        self.indexes: dict[tuple[str, int], int] = {}
        """The payload's index of each lease that it was ever given, by task and lease."""
        self.others: list[ChaosVolunteer] = []
        """Whose leases it may steal."""
        self._sent: deque[tuple[str, ResultItem, bytes]] = deque(maxlen=REMEMBERED)
        self._present = asyncio.Event()
        self._present.set()

    async def heard(self, message: ToVolunteer) -> None:
        """Work gives the indexes of leases; acknowledgements are written down."""
        if isinstance(message, Task):
            self._files[message.task] = message.filename
        elif isinstance(message, Work):
            self.indexes.update(((message.task, item.lease), item.index) for item in message.items)
        elif isinstance(message, Ack):
            told = [(True, lease) for lease in message.leases] + [(False, int(lease)) for lease in message.rejected]
            task = message.task
            self._journal.write(Entry(good, task, lease, self.indexes.get((task, lease), -1)) for good, lease in told)

    async def computed(self, task: str, items: list[ResultItem], answers: bytes) -> None:
        """Results are kept and sent; then there is a rest."""
        file = self._files[task]
        if self._saboteur and file in CHECKED:
            lie = codec.encode("a lie" if file == CHECKED[0] else self.secret)
            items = [ResultItem(item.lease, ANSWERED, len(lie), item.ms) for item in items]
            answers = lie * len(items)
        await super().computed(task, items, answers)
        offset = 0
        for item in items:
            self._sent.append((task, item, answers[offset : offset + item.size]))
            offset += item.size
        if self._pace and not self._calm.exists():
            await asyncio.sleep(self._pace * len(items) * self._chance.uniform(0.5, 1.5))

    async def rest(self) -> None:
        """Before each connection: wait while answers are withheld, and choose a distributor."""
        await super().rest()
        await self._present.wait()
        self.url = self._chance.choice(self._urls)

    async def replay(self, count: int) -> None:
        """Send results once more that were sent before, acknowledged or not."""
        for task, item, data in self._chance.sample(self._sent, min(count, len(self._sent))):
            await self.send(Results(task, [item]), data)

    async def steal(self, count: int) -> None:
        """Answer what was given to the others, the newest first, wrongly."""
        for task, lease in [key for other in self.others for key in list(other.indexes)[-count:]]:
            await self.send(Results(task, [ResultItem(lease, ANSWERED, len(_WRONG), 0.1)]), _WRONG)

    async def withhold(self, seconds: float) -> None:
        """Leave, compute on, come back later."""
        self._present.clear()
        if self.socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self.socket.close()
        await asyncio.sleep(seconds)
        self._present.set()


async def obey(volunteers: list[ChaosVolunteer]) -> None:
    """Do what standard input says, until it ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    under_way = set()
    while line := await reader.readline():
        word, number = line.split()
        for volunteer in volunteers:
            match word:
                case b"replay":
                    doing = asyncio.create_task(volunteer.replay(int(number)))
                case b"steal":
                    doing = asyncio.create_task(volunteer.steal(int(number)))
                case _:
                    doing = asyncio.create_task(volunteer.withhold(float(number)))
            under_way.add(doing)
            doing.add_done_callback(under_way.discard)


async def main(options: argparse.Namespace) -> None:
    """Run the volunteers until standard input ends or a signal comes."""
    journal = Journal(options.journal)
    volunteers = [
        ChaosVolunteer(
            options.url,
            window=options.window,
            journal=journal,
            pace=options.pace,
            calm=options.calm,
            chance=random.Random(f"{options.journal.name} {number}"),
            saboteur=number < options.saboteurs,
        )
        for number in range(options.count)
    ]
    for number, volunteer in enumerate(volunteers):
        volunteer.headers = {"X-Forwarded-For": f"10.{options.network}.{number // 2}.{number}"}  # two of each network
        volunteer.others = [other for other in volunteers if other is not volunteer]
    running = asyncio.gather(*(volunteer.run() for volunteer in volunteers), obey(volunteers))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("url", nargs="+")
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--calm", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--saboteurs", type=int, default=0)
    parser.add_argument("--network", type=int, default=0)
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--pace", type=float, default=0.0)
    uvloop.run(main(parser.parse_args()))
