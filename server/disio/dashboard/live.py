"""Live pages: server-sent events that carry a page's part, rendered anew whenever it has changed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from quart import Blueprint, Response, current_app, make_response, render_template, stream_with_context
from quart_schema import hide

from disio.dashboard.api import links
from disio.dashboard.pages import current_task, overview_facts
from disio.errors import DisioError

blueprint = Blueprint("live", __name__)

LOOK_SECONDS: Final = 2.0
"""How often to look at what no manager tells of by itself (volunteers)."""
PACE_SECONDS: Final = 0.5
"""The shortest time between two changes of a page."""
QUIET_SECONDS: Final = 15.0
"""After so long without a change, a comment keeps proxies from closing the stream."""


@blueprint.get("/live")
@hide
async def overview_events() -> Response:
    """The overview, whenever it has changed."""

    async def render() -> str:
        return await render_template("part_overview.html", **await overview_facts())

    return await _stream(render)


@blueprint.get("/tasks/<task>/live")
@hide
async def task_events(task: str) -> Response:
    """A task's figures, whenever they have changed."""

    async def render() -> str:
        return await render_template("part_task.html", task=await current_task(task))

    await render()
    return await _stream(render)


async def _stream(render: Callable[[], Awaitable[str]]) -> Response:
    stop: asyncio.Event = current_app.extensions["disio_stop"]
    response = await make_response(stream_with_context(_events)(render, stop), {"Content-Type": "text/event-stream"})
    assert isinstance(response, Response)  # noqa: S101 - what make_response makes of a generator
    response.timeout = None
    return response


async def _events(render: Callable[[], Awaitable[str]], stop: asyncio.Event) -> AsyncIterator[bytes]:
    last, quiet = "", 0.0
    version = links().version
    while not stop.is_set():
        with contextlib.suppress(DisioError):
            page = await render()
            if page != last:
                yield _event("page", page)
                last, quiet = page, 0.0
        await _pause(stop)
        version = await links().news(version, LOOK_SECONDS)
        quiet += LOOK_SECONDS
        if quiet >= QUIET_SECONDS:
            yield b": still here\n\n"
            quiet = 0.0


async def _pause(stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PACE_SECONDS):
            await stop.wait()


def _event(name: str, text: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in text.splitlines())
    return f"event: {name}\n{lines}\n".encode()
