"""The Quart application: an explicit table of files, one WebSocket, one page, health and metrics."""

from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec
from quart import Quart, Response, Websocket, render_template, request, websocket
from quart.wrappers.response import FileBody
from werkzeug.exceptions import NotFound

from disio.bundle import Bundle
from disio.distributor import headers
from disio.distributor.addresses import Proxies
from disio.distributor.config import DistributorConfig
from disio.distributor.encodings import choose
from disio.distributor.error_pages import answer_errors
from disio.distributor.files import Content, TaskFiles
from disio.distributor.hub import Hub
from disio.distributor.loader import Loader
from disio.distributor.sockets import RefusedError, VolunteerSocket

_DOWNLOAD_SECONDS: Final = 900
_CHUNK_BYTES: Final = 256 * 1024


@dataclass(frozen=True)
class Parts:
    """What the application serves."""

    config: DistributorConfig
    distributor: str
    hub: Hub
    scripts: dict[str, Content]
    loader: Loader
    bundle: Bundle
    bundle_manifest: Content
    bundle_files: dict[str, Content]
    task_files: TaskFiles
    proxies: Proxies


class Presence:
    """The WebSockets that are open, greeted or not, and how many come from each address."""

    def __init__(self) -> None:
        self.sockets: set[VolunteerSocket] = set()
        self._addresses: dict[str, int] = {}

    def count(self, address: str) -> int:
        """Connections from one address."""
        return self._addresses.get(address, 0)

    def enter(self, socket: VolunteerSocket, address: str) -> None:
        """A connection has come."""
        self.sockets.add(socket)
        self._addresses[address] = self.count(address) + 1

    def leave(self, socket: VolunteerSocket, address: str) -> None:
        """A connection has gone."""
        self.sockets.discard(socket)
        left = self.count(address) - 1
        if left > 0:
            self._addresses[address] = left
        else:
            self._addresses.pop(address, None)


def create_app(parts: Parts, presence: Presence) -> Quart:
    """The application of one distributor."""
    app = Quart("disio.distributor", static_folder=None, template_folder=str(Path(__file__).parent / "templates"))
    app.config["MAX_CONTENT_LENGTH"] = 16 * 1024
    _add_files(app, parts)
    _add_pages(app, parts)
    _add_socket(app, parts, presence)
    answer_errors(app, lambda: _own(parts))

    @app.after_request
    async def everywhere(response: Response) -> Response:
        headers.extend(response.headers, headers.EVERYWHERE)
        return response

    return app


def _add_files(app: Quart, parts: Parts) -> None:
    def _frame(name: str, policy: dict[str, str]) -> Response:
        return _file(
            parts.scripts[name], headers.REVALIDATED, policy, headers.isolated(asked="isolated" in request.args)
        )

    @app.get("/disio.js")
    async def loader() -> Response:
        language = parts.loader.language(request.args.get("lang", ""), request.accept_languages)
        purposes = chain.from_iterable(parts.hub.purposes.values())
        return _file(parts.loader.current(language, purposes), headers.REVALIDATED, headers.BY_LANGUAGE)

    @app.get("/worker/<path:name>")
    async def script(name: str) -> Response:
        content = parts.scripts.get(name)
        if content is None or name.endswith(".html"):
            raise NotFound
        return _file(content, headers.REVALIDATED)

    @app.get("/bridge.html")
    async def bridge() -> Response:
        return _frame("bridge.html", headers.bridge(_own(parts), parts.hub.cluster.others))

    @app.get("/cell.html")
    async def cell() -> Response:
        return _frame("cell.html", headers.cell(_own(parts)))

    @app.get("/bundle.json")
    async def manifest() -> Response:
        return _file(parts.bundle_manifest, headers.REVALIDATED)

    @app.get("/files/<sha256>")
    async def file(sha256: str) -> Response:
        content = parts.bundle_files.get(sha256) or parts.loader.by_hash.get(sha256)
        content = content or await parts.task_files.get(sha256)
        if content is None:
            raise NotFound
        if request.range is None:
            return _file(content, headers.IMMUTABLE)
        # A part is of the plain bytes: whoever asks for one counts in them.
        response = _file(replace(content, encodings={}), headers.IMMUTABLE)
        await response.make_conditional(request, accept_ranges=True, complete_length=response.content_length)
        return response


def _add_pages(app: Quart, parts: Parts) -> None:
    @app.get("/")
    async def page() -> Response:
        own = _own(parts)
        local = parts.proxies.client(request.remote_addr, request.headers).local
        workers = request.args.get("workers", 1, type=int)
        text = await render_template(
            "volunteer.html",
            origin=own,
            loader=parts.loader,
            granted=local and request.args.get("consent") == "granted",
            workers=workers if local and workers and 1 <= workers <= 64 else 1,
        )
        response = Response(text, content_type="text/html; charset=utf-8")
        headers.extend(response.headers, headers.page(own))
        return response

    @app.get("/health")
    async def health() -> Response:
        facts = {
            "status": "ok",
            "distributor": parts.distributor,
            "managers": sorted(parts.hub.links),
            "volunteers": len(parts.hub.present),
            "bundle": parts.bundle.id,
        }
        return Response(msgspec.json.encode(facts), content_type="application/json", headers=headers.SHARED)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(parts.hub.metrics.text(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _add_socket(app: Quart, parts: Parts, presence: Presence) -> None:
    @app.websocket("/volunteer")
    async def volunteer() -> None:
        own: Websocket = websocket._get_current_object()
        address = parts.proxies.client(own.remote_addr, own.headers).text
        limits = parts.config.limits
        socket = VolunteerSocket(own, parts.hub, limits, distributor=parts.distributor, bundle=parts.bundle.id)
        reason = limits.refusal(len(presence.sockets), presence.count(address))
        if reason:
            await socket.refuse(RefusedError(4429, "busy", reason, retry=True))
            return
        presence.enter(socket, address)
        parts.hub.metrics.connections.inc()
        try:
            await socket.run()
        finally:
            presence.leave(socket, address)


def _file(content: Content, *more: dict[str, str]) -> Response:
    encoding = choose(request.accept_encodings, content.encodings)
    tag = f'"{content.sha256[:32]}{"-" + encoding if encoding else ""}"'
    if request.if_none_match.contains_weak(tag.strip('"')):
        response = Response(b"", 304)
    else:
        body = content.encodings[encoding] if encoding else content.plain
        if isinstance(body, Path):
            response = Response(FileBody(body, buffer_size=_CHUNK_BYTES))
            response.headers["Content-Length"] = str(body.stat().st_size)
        else:
            response = Response(body)
        if encoding:
            response.headers["Content-Encoding"] = encoding
    # Even without a body: a browser puts these headers in the place of those that it has cached, and a
    # script that has become text/html is blocked on other origins (ORB).
    response.headers["Content-Type"] = content.content_type
    response.timeout = _DOWNLOAD_SECONDS
    headers.extend(response.headers, {"ETag": tag, "Vary": "Accept-Encoding"}, headers.SHARED, *more)
    return response


def _own(parts: Parts) -> str:
    return headers.origin(parts.config.url, request.scheme, request.host)
