"""A laboratory of escapes: a site, a stranger who listens, and a distributor behind a relay that can take walls down.

What shows that a wall holds is that the same attempt succeeds without it. The relay rewrites the real files on their
way: policies, sandboxes and what the browser side does to close its cell are gone, all else is as it is served.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

ATTACKS: Final = Path(__file__).parent / "attacks"
ROUNDS: Final = ("top_location", "parent_location", "top_anchor", "own_location", "quiet")
"""The cell is seized once for each: the navigations, then all that leaves the page, and the cell, as they are."""
POLICIES: Final = (
    "content-security-policy",
    "cross-origin-embedder-policy",
    "permissions-policy",
    "x-dns-prefetch-control",
)

WALLS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "/disio.js": ((r'\.sandbox="[^"]*"', '.title=""'),),
    "/worker/bridge.js": ((r"\.sandbox\.add\([^)]*\)", ".title"),),
    "/worker/cell.js": ((r"(?<!function )shutTheDoor\(\);", ""),),
    "/worker/worker.js": (
        (r"WITHHELD ?= ?\[[^\]]*\]", "WITHHELD=[]"),
        (r"MAX_MEMORY_BYTES ?= ?2 ?\*\* ?\d+", "MAX_MEMORY_BYTES=2**32"),
    ),
}
"""By file, what is a wall, and what is put in its place."""

Answer = tuple[int, Mapping[str, str], bytes]


class Server:
    """HTTP on a free port of this machine, one request a connection; ``answer`` says what, or None to hang up."""

    def __init__(self, answer: Callable[[str, str, bytes], Awaitable[Answer | None]]) -> None:
        self._answer = answer
        self.port = 0
        self.upstream = 0
        """WebSockets go to this port, if there is one."""

    @property
    def url(self) -> str:
        """The server's origin."""
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Server"]:
        """Serve meanwhile."""
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError):
                await self._serve(reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, path = head.split(b" ", 2)[:2]
        headers = {name.strip().lower(): value.strip() for name, _, value in map(_pair, head.split(b"\r\n")[1:])}
        if headers.get("upgrade") == "websocket" and self.upstream:
            return await self._tunnel(head, reader, writer)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        answer = await self._answer(method.decode(), path.decode(), body)
        if answer is None:
            return None
        status, fields, content = answer
        lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in fields.items())]
        writer.write("\r\n".join([*lines, f"content-length: {len(content)}", "connection: close", "", ""]).encode())
        writer.write(b"" if method == b"HEAD" else content)
        await writer.drain()
        return None

    async def _tunnel(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self.upstream)
        upstream.write(head)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(1 << 16):
                target.write(data)
                await target.drain()
            target.close()

        try:
            await asyncio.gather(copy(reader, upstream), copy(upstream_reader, writer))
        finally:
            upstream.close()


class Lab:
    """One arrangement, with walls or without; what was reached gathers in ``heard`` and ``found``."""

    def __init__(self, *, walls: bool) -> None:
        self.walls = walls
        self.heard: set[str] = set()
        """Paths that the stranger was asked for, without the slash, and "stun" where a datagram came."""
        self.found: dict[str, Any] = {}
        """What attempts in the cell say of themselves."""
        self.over = asyncio.Event()
        """Set when the last round was reported."""
        self.stopping = asyncio.Event()
        """Set it to have the page stop computing; ``stopped`` is set when it has."""
        self.stopped = asyncio.Event()
        self._round = 0
        self._news = asyncio.Event()
        self._stranger = Server(self._listen)
        self._site = Server(self._site_answer)
        self._relay = Server(self._relay_answer)
        self._http: httpx.AsyncClient

    @property
    def url(self) -> str:
        """The distributor's origin, as the browser sees it."""
        return self._relay.url

    @property
    def stranger(self) -> str:
        """The origin of the one who should never hear anything."""
        return self._stranger.url

    @property
    def page(self) -> str:
        """The site's page. Without walls it is on the distributor's own origin: then nothing parts them."""
        return (self._site if self.walls else self._relay).url + "/site"

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Lab"]:
        """Start all servers but the distributor itself, whose port is to be told with :meth:`pass_on`."""
        async with contextlib.AsyncExitStack() as stack:
            for server in (self._stranger, self._site, self._relay):
                await stack.enter_async_context(server.open())
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(
                lambda: Ear(self.heard), local_addr=("127.0.0.1", self._stranger.port)
            )
            stack.callback(transport.close)
            self._http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=30))
            yield self

    def pass_on(self, port: int) -> None:
        """The distributor listens on this port."""
        self._relay.upstream = port

    async def hears(self, names: set[str]) -> None:
        """Return once the stranger has heard all of these."""
        while not names <= self.heard:
            self._news.clear()
            await self._news.wait()

    async def _listen(self, method: str, path: str, body: bytes) -> Answer:
        name = path.lstrip("/").partition("?")[0]
        self.heard.add(name)
        self._news.set()
        if name in ("cell-top_location", "cell-top_anchor", "cell-parent_location", "cell-own_location"):
            self._round += 1  # gone is gone: the next round begins where this one has led to
            onward = (ATTACKS / "onward.html").read_text().replace("PAGE", self.page)
            return 200, {"content-type": "text/html"}, onward.encode()
        return 200, {"access-control-allow-origin": "*", "content-type": "text/javascript"}, b"/**/"

    async def _site_answer(self, method: str, path: str, body: bytes) -> Answer:
        if path in ("/stop", "/stopped"):
            await self.stopping.wait()
            if path == "/stopped":
                self.stopped.set()
            return 200, {}, b""
        if path == "/sw.js":
            self.heard.add("sw.js")
            return 200, {"content-type": "text/javascript"}, b"/**/"
        if path == "/report":
            report = json.loads(body)
            self.found.update(report["found"])
            if "round" not in report:
                return 200, {}, b""
            if report["round"] == ROUNDS[-1]:
                self.over.set()
            again = self.walls and report["round"] != ROUNDS[-1]
            self._round += again
            return 200, {}, b"again" if again else b""
        text = (ATTACKS / "site.html").read_text().replace("LOADER", f"{self.url}/disio.js")
        return 200, {"content-type": "text/html; charset=utf-8"}, text.encode()

    async def _relay_answer(self, method: str, path: str, body: bytes) -> Answer | None:
        bare = re.sub("^/worker/[0-9a-f]{16}/", "/worker/", path.partition("?")[0])
        if bare in ("/site", "/report", "/sw.js", "/stop", "/stopped"):
            return await self._site_answer(method, bare, body)
        if not self._relay.upstream:
            return None
        origin = f"http://127.0.0.1:{self._relay.upstream}"
        answer = await self._http.request(method, origin + path, headers={"host": self.url.removeprefix("http://")})
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name not in ("content-encoding", "content-length", "connection", "etag")
        }
        content = answer.content
        headers["cache-control"] = "no-store"  # what is changed here is not what its address says
        if not self.walls:
            headers = {name: value for name, value in headers.items() if name not in POLICIES}
            for wall, hole in WALLS.get(bare, ()):
                text, count = re.subn(wall, hole, content.decode())
                assert count, f"{bare} has no wall {wall}: has it moved?"
                content = text.encode()
        if bare == "/worker/cell.js" and not self.over.is_set():
            content += self._seizure()
        return answer.status_code, headers, content

    def _seizure(self) -> bytes:
        escape = {"stranger": self.stranger, "round": ROUNDS[self._round]}
        return (ATTACKS / "seize.js").read_bytes() + f"\nseize({json.dumps(escape)});\n".encode()


class Ear(asyncio.DatagramProtocol):
    """Notes any datagram."""

    def __init__(self, heard: set[str]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._heard.add("stun")


def _pair(line: bytes) -> tuple[str, str, str]:
    return line.decode("latin-1").partition(":")
