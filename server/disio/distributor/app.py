"""The Quart application: an explicit table of files, one WebSocket, one page, health and metrics."""

from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec
from quart import Quart, Response, Websocket, render_template, request, websocket
from quart.wrappers.response import DataBody, FileBody
from werkzeug.exceptions import MisdirectedRequest, NotFound, TooManyRequests

from disio.bundle import Bundle
from disio.distributor import headers
from disio.distributor.byte_ranges import asked_part
from disio.distributor.config import DistributorConfig
from disio.distributor.door import Door
from disio.distributor.encodings import choose
from disio.distributor.error_pages import answer_errors
from disio.distributor.files import Content, Scripts, TaskFiles
from disio.distributor.gate import account
from disio.distributor.guests import Guests
from disio.distributor.hub import Hub
from disio.distributor.loader import Loader
from disio.distributor.sockets import RefusedError, VolunteerSocket
from disio.wire.volunteer import PROTOCOL_VERSION, Welcome

_DOWNLOAD_SECONDS: Final = 900
_CHUNK_BYTES: Final = 256 * 1024


@dataclass(frozen=True)
class Parts:
    """What the application serves."""

    config: DistributorConfig
    distributor: str
    hub: Hub
    scripts: Scripts
    loader: Loader
    bundle: Bundle
    bundle_manifest: Content
    bundle_files: dict[str, Content]
    task_files: TaskFiles
    door: Door
    guests: Guests
    sockets: set[VolunteerSocket] = field(default_factory=set)
    """The WebSockets that are open, greeted or not."""


def create_app(parts: Parts) -> Quart:
    """The application of one distributor."""
    app = Quart("disio.distributor", static_folder=None, template_folder=str(Path(__file__).parent / "templates"))
    app.config["MAX_CONTENT_LENGTH"] = 16 * 1024
    app.url_map.merge_slashes = False  # no redirections: every file has one address
    _add_files(app, parts)
    _add_pages(app, parts)
    _add_socket(app, parts)
    _keep_the_door(app, parts)
    answer_errors(app, lambda: _own(parts))
    return app


def _keep_the_door(app: Quart, parts: Parts) -> None:
    door = parts.door
    patience = int(door.limits.patience_seconds)

    @app.before_request
    async def enter() -> None:
        if not door.knows(request.host):
            raise MisdirectedRequest
        if not await door.request(door.client(request.remote_addr, request.headers)):
            raise TooManyRequests(retry_after=patience)

    @app.after_request
    async def leave(response: Response) -> Response:
        size = 0 if request.method == "HEAD" else response.content_length or 0
        if not await door.response(door.client(request.remote_addr, request.headers), size):
            response = _refused(429, "Too much was downloaded from your network address.")
            response.headers["Retry-After"] = str(patience)
        headers.extend(response.headers, headers.EVERYWHERE, headers.secured(_own(parts)))
        return response


def _add_files(app: Quart, parts: Parts) -> None:
    def _frame(name: str, policy: dict[str, str]) -> Response:
        return _file(parts.scripts.frames[name], headers.REVALIDATED, policy)

    @app.get("/disio.js")
    async def loader() -> Response:
        language = parts.loader.language(request.args.get("lang", ""), request.accept_languages)
        purposes = chain.from_iterable(parts.hub.purposes.values())
        return _file(parts.loader.current(language, purposes), headers.REVALIDATED, headers.BY_LANGUAGE)

    @app.get("/worker/<path:path>")
    async def script(path: str) -> Response:
        content, constant = parts.scripts.find(path)
        if content is None:
            raise NotFound
        return _file(content, headers.IMMUTABLE if constant else headers.REVALIDATED)

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
        asked = request.headers.get("Range", "") if request.method == "GET" else ""
        response = await _part(content, asked) or _file(content, headers.IMMUTABLE)
        response.headers["Accept-Ranges"] = "bytes"
        return response


def _add_pages(app: Quart, parts: Parts) -> None:
    @app.get("/")
    async def page() -> Response:
        own = _own(parts)
        local = parts.door.client(request.remote_addr, request.headers).local
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
        return Response(
            msgspec.json.encode(facts), content_type="application/json", headers=headers.SHARED | headers.MOMENTARY
        )

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(
            parts.hub.metrics.text(), content_type="text/plain; version=0.0.4; charset=utf-8", headers=headers.MOMENTARY
        )


def _add_socket(app: Quart, parts: Parts) -> None:
    door = parts.door

    @app.before_websocket
    async def enter() -> Response | None:
        if not door.knows(websocket.host):
            return _refused(421, "This distributor does not answer to that name.")
        own = headers.origin(parts.config.url, websocket.scheme, websocket.host)
        here = headers.origin("", websocket.scheme, websocket.host)
        if not door.welcomes(websocket.headers.get("Origin"), own, here, *parts.hub.cluster.known):
            return _refused(403, "Pages of other origins do not open connections here.")
        if not await door.handshake(door.client(websocket.remote_addr, websocket.headers)):
            return _refused(429, "Too many connections are being opened from your network address.")
        return None

    @app.websocket("/volunteer")
    async def volunteer() -> None:
        own: Websocket = websocket._get_current_object()
        client = door.client(own.remote_addr, own.headers)
        who = account(client.text)
        welcome = Welcome(
            protocol=PROTOCOL_VERSION, volunteer="", distributor=parts.distributor, bundle=parts.bundle.id
        )
        socket = VolunteerSocket(own, parts.hub, door, who, guests=parts.guests, client=client, welcome=welcome)
        reason = door.limits.refusal(door.volunteers.total, door.volunteers.of(who))
        if reason:
            await socket.refuse(RefusedError(4429, "busy", reason, retry=True))
            return
        door.volunteers.enter(who)
        parts.sockets.add(socket)
        parts.hub.metrics.connections.inc()
        try:
            await socket.run()
        finally:
            parts.sockets.discard(socket)
            door.volunteers.leave(who)


def _refused(status: int, text: str) -> Response:
    return Response(f"{text}\n", status, content_type="text/plain; charset=utf-8", headers=headers.EVERYWHERE)


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


async def _part(content: Content, asked: str) -> Response | None:
    if not asked:
        return None
    # Of the plain bytes: whoever asks for a part counts in them.
    response = _file(replace(content, encodings={}), headers.IMMUTABLE)
    tag = response.headers["ETag"]
    if response.status_code != 200 or request.headers.get("If-Range", tag) != tag:
        return None
    size = int(response.headers["Content-Length"])
    part = asked_part(asked, size)
    if part is None:
        return None
    begin, end = part
    assert isinstance(response.response, DataBody | FileBody)  # noqa: S101 - as _file makes them
    await response.response.make_conditional(begin, end)
    response.status_code = 206
    response.headers["Content-Length"] = str(end - begin)
    response.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    return response


def _own(parts: Parts) -> str:
    return headers.origin(parts.config.url, request.scheme, request.host)
