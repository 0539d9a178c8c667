"""A web site of the benchmarks' own: pages that measure inside a browser and report what they found.

One browser walks from page to page: each page reports by ``POST /report`` and is told where to go next.
Pyodide's core files are served as a careful site owner would: gzip, cached for ever.
"""

import asyncio
import gzip
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, Response, request

from disio.bundle import load
from disio.errors import BrowserError

PAGES = Path(__file__).parent / "pages"
PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
TYPES = {".html": "text/html", ".mjs": "text/javascript", ".py": "text/plain", ".wasm": "application/wasm"}
PAGE_SECONDS = 120.0


class BrowserLab:
    """Serves ``bench/pages`` and Pyodide's core files; collects the pages' reports."""

    def __init__(self) -> None:
        self.url = ""
        self.port = 0
        self._reports: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._next: asyncio.Queue[str] = asyncio.Queue()
        self._replacements: dict[str, str] = {}
        self._pyodide = _pyodide_files()
        self._stop = asyncio.Event()

    def add_package(self, wheel: Path) -> None:
        """Serve a package of Pyodide's distribution beside its core files."""
        data = wheel.read_bytes()
        self._pyodide[wheel.name] = (data, gzip.compress(data, 6))

    def fill(self, replacements: Mapping[str, str]) -> None:
        """Text put into pages in place of ``{{name}}``."""
        self._replacements |= replacements

    async def visit(self, page: str) -> dict[str, Any]:
        """Send the waiting browser to ``page`` and return what that page reports.

        Raises:
            BrowserError: the page said that it failed, or nothing for two minutes.
        """
        await self._next.put(page)
        try:
            report = await asyncio.wait_for(self._reports.get(), PAGE_SECONDS)
        except TimeoutError:
            raise BrowserError(f"the page {page} reported nothing for {PAGE_SECONDS:.0f} seconds") from None
        if "error" in report:
            raise BrowserError(f"the page {page} failed: {report['error']}")
        return report

    async def __aenter__(self) -> Self:
        app = Quart("disio-bench")
        app.add_url_rule("/<page>.html", view_func=self._page)
        app.add_url_rule("/<name>.mjs", view_func=self._script)
        app.add_url_rule("/units/<name>.py", view_func=self._unit)
        app.add_url_rule("/pyodide/<name>", view_func=self._pyodide_file)
        app.add_url_rule("/report", view_func=self._report, methods=["POST"])
        app.add_url_rule("/next", view_func=self._await_next)
        self._listener = listener = socket.create_server(("127.0.0.1", 0))  # kept: the server has its number only
        listener.setblocking(False)
        config = Config()
        config.bind = [f"fd://{listener.fileno()}"]
        config.accesslog = config.errorlog = None
        self._server = asyncio.create_task(serve(app, config, shutdown_trigger=self._stop.wait))
        self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._server

    async def _page(self, page: str) -> Response:
        text = (PAGES / f"{page}.html").read_text()
        for name, value in self._replacements.items():
            text = text.replace("{{" + name + "}}", value)
        return Response(text, content_type="text/html; charset=utf-8", headers={"Cache-Control": "no-store"})

    async def _script(self, name: str) -> Response:
        return Response((PAGES / f"{name}.mjs").read_text(), content_type="text/javascript")

    async def _unit(self, name: str) -> Response:
        return Response((PAGES.parent / "units" / f"{name}.py").read_text(), content_type="text/plain")

    async def _pyodide_file(self, name: str) -> Response:
        data, compressed = self._pyodide[name]
        kind = TYPES.get(Path(name).suffix, "application/octet-stream")
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return Response(compressed, content_type=kind, headers={**headers, "Content-Encoding": "gzip"})
        return Response(data, content_type=kind, headers=headers)

    async def _report(self) -> Response:
        await self._reports.put(await request.get_json(force=True))
        return Response("", status=204)

    async def _await_next(self) -> Response:
        return Response(await self._next.get(), content_type="text/plain", headers={"Cache-Control": "no-store"})


def _pyodide_files() -> dict[str, tuple[bytes, bytes]]:
    """Pyodide's core files as npm delivers them (not as our bundle changes them), with their gzip form."""
    folder = Path(__file__).parents[1] / "pyodide_bundle" / "node_modules" / "pyodide"
    if not (folder / PYODIDE_FILES[0]).exists():
        raise BrowserError("Pyodide's npm package is not installed; run `make setup`")
    load()  # the same pinned version is in the bundle, or this says what is wrong
    return {name: (data := (folder / name).read_bytes(), gzip.compress(data, 6)) for name in PYODIDE_FILES}


class CountingProxy:
    """A TCP relay on loopback that counts the bytes which come back from the server behind it."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self.bytes_down = 0
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def point_at(self, port: int) -> None:
        """Relay to another port from now on: a server that was started after this relay."""
        self._port = port

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, upstream_writer, count=False))
                group.create_task(self._copy(upstream_reader, writer, count=True))
        except* OSError:
            pass
        finally:
            for end in (writer, upstream_writer):
                end.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, count: bool) -> None:
        while data := await reader.read(1 << 18):
            if count:
                self.bytes_down += len(data)
            if writer.is_closing():
                return  # the other end has gone meanwhile; uvloop raises where it is written to
            writer.write(data)
            await writer.drain()
        writer.close()  # what one end has closed is of no use to the other: HTTP/1.1 does not half-close
