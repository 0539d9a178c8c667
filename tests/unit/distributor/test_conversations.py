"""Whatever volunteers say, in whatever order: the distributor is whole afterwards, and serves the next one."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from websockets.exceptions import ConnectionClosed

from disio.distributor import DistributorConfig
from disio.distributor.limits import Limits
from disio.wire import volunteer
from disio.wire.volunteer import PROTOCOL_VERSION, Credit, Hello, ResultItem, Results, Return, pack

from .conftest import Browser, Distributor, ScriptedManager

LIMITS = Limits(handshakes_per_second=0, requests_per_second=0, messages_per_second=0, close_seconds=0.2)
TASKS = st.sampled_from(["mgr001-1", "mgr001-99", "nobody-1", "x"])
LEASES = st.lists(st.integers(1, 40) | st.just(2**53 - 1), max_size=5)


class Conversations(RuleBasedStateMachine):
    """Up to a few volunteers at a time say anything that fits a frame, and some things that do not."""

    runner: ClassVar[asyncio.Runner]
    distributor: ClassVar[Distributor]

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.AsyncExitStack()
        self.open: list[Browser] = []

    def do(self, action: Any) -> Any:
        return self.runner.get_loop().run_until_complete(action)

    async def send(self, who: int, frame: bytes) -> None:
        if self.open:
            with contextlib.suppress(ConnectionClosed):
                await self.open[who % len(self.open)].socket.send(frame)

    @rule(secret=st.sampled_from(["", "ab" * 16]))
    def connect(self, secret: str) -> None:
        """One more, perhaps with the secret of another."""
        if len(self.open) < 4:
            self.open.append(self.do(self.stack.enter_async_context(self.distributor.browser(secret))))

    @rule(who=st.integers(0, 9), holding=st.dictionaries(TASKS, LEASES, max_size=2))
    def hello(self, who: int, holding: dict[str, list[int]]) -> None:
        """Say hello, for the first time or again."""
        if self.open:
            secret = self.open[who % len(self.open)].secret
            self.do(self.send(who, pack(Hello(protocol=PROTOCOL_VERSION, secret=secret, holding=holding))))

    @rule(who=st.integers(0, 9), window=st.integers(0, 4096))
    def credit(self, who: int, window: int) -> None:
        """Want so many leases."""
        self.do(self.send(who, pack(Credit(window))))

    @rule(who=st.integers(0, 9), task=TASKS, leases=LEASES, size=st.integers(0, 50))
    def answer(self, who: int, task: str, leases: list[int], size: int) -> None:
        """Answer leases, given or not."""
        items = [ResultItem(lease, lease % 2, size, 1.0) for lease in leases]
        self.do(self.send(who, pack(Results(task, items), bytes(size * len(leases)))))

    @rule(who=st.integers(0, 9), task=TASKS, leases=LEASES)
    def give_back(self, who: int, task: str, leases: list[int]) -> None:
        """Give leases back, held or not."""
        self.do(self.send(who, pack(Return(task, leases))))

    @rule(who=st.integers(0, 9), frame=st.binary(max_size=60))
    def nonsense(self, who: int, frame: bytes) -> None:
        """Say what is no frame."""
        self.do(self.send(who, frame))

    @rule(who=st.integers(0, 9))
    def leave(self, who: int) -> None:
        """Go without a word."""
        if self.open:
            self.open.pop(who % len(self.open)).socket.transport.abort()

    def teardown(self) -> None:
        """Everybody leaves; the next one is served as if nothing had been."""
        self.do(self.stack.aclose())
        self.do(self.serves())

    async def serves(self) -> None:
        async with asyncio.timeout(30):
            while (await self.distributor.health())["volunteers"]:
                pass
            async with self.distributor.browser() as honest:
                await honest.hello()
                await honest.say(Credit(1))
                await honest.hear(volunteer.Task)
                work, _ = await honest.hear(volunteer.Work)
                await honest.answer(work.task, [work.items[0].lease])
                while True:
                    message, _ = volunteer.unpack_to_volunteer(await honest.socket.recv())
                    if isinstance(message, volunteer.Ack):
                        assert message.leases == [work.items[0].lease]
                        return


@pytest.mark.timeout(300)
def test_any_conversation_leaves_the_distributor_whole(tmp_path: Path) -> None:
    """After any conversation of several volunteers nobody is left over, and an honest one can do its work."""
    with asyncio.Runner() as runner:
        manager = ScriptedManager()
        manager.auto_grant, manager.auto_ack = 1, True
        runner.run(manager.__aenter__())
        distributor = Distributor(
            DistributorConfig(
                data=tmp_path / "data", port=0, managers=(manager.address,), discover=False, limits=LIMITS
            )
        )
        runner.run(distributor.start())
        runner.run(distributor.linked())
        Conversations.runner, Conversations.distributor = runner, distributor
        try:
            run_state_machine_as_test(
                Conversations,
                settings=settings(
                    max_examples=15,
                    stateful_step_count=15,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(distributor.stop())
            runner.run(manager.__aexit__())
