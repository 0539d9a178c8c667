"""A small web site for demonstrations and tests: one page with one script tag, on an origin of its own."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, Response, request

VOLUNTEERING: Final = {"data-consent": "granted", "data-dedicated": ""}
"""For the tag of a page that nobody looks at: it computes at once, as fast as it can."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A site that lends a hand</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1.05rem/1.6 Georgia, serif; max-width: 38rem; margin: 12vh auto; padding: 0 1.5rem; }}
h1 {{ font-weight: 500; font-size: 2.2rem; line-height: 1.2; }}
code {{ font-size: .9em; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<main>
<h1>An ordinary page, with one line more than usual</h1>
<p>This page belongs to somebody who wants to help a research project. All that was added is one script tag.
Visitors who agree lend a little computing time; everybody else notices nothing.</p>
<p><code>&lt;script async src="{loader}"&gt;&lt;/script&gt;</code></p>
</main>
{report}<script async src="{loader}"{attributes}></script>
</body>
</html>
"""

REPORT = """<script>
addEventListener("disio:ready", () => {
  const report = ({ detail }) => fetch("/status", { method: "POST", body: JSON.stringify(detail), keepalive: true });
  for (const event of ["state", "acknowledged"]) disio.addEventListener(event, report);
});
</script>
"""
"""For pages that nobody drives: they tell their own server what ``window.disio`` says."""

Status = Mapping[str, Any]
"""A page's ``window.disio.status()``, see docs/browser.md."""


@contextlib.asynccontextmanager
async def open_site(
    distributor: str,
    *,
    attributes: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    host: str = "127.0.0.1",
    html: str = "",
    on_status: Callable[[Status], None] | None = None,
) -> AsyncIterator[str]:
    """Serve a page with the loader of ``distributor`` on a free port; yields the page's address.

    Args:
        distributor: the distributor's origin, ``http://host:port``.
        attributes: ``data-`` attributes for the script tag, for example ``{"data-consent": "granted"}``.
        headers: extra response headers, for example a Content-Security-Policy.
        host: the loopback name or address that the page is served on.
        html: another page, with a tag of its own.
        on_status: called with the page's status whenever its state changes, or more results are safe.
    """
    text = "".join(f' {name}="{value}"' for name, value in (attributes or {}).items())
    report = REPORT if on_status else ""
    page = html or PAGE.format(loader=f"{distributor}/disio.js", attributes=text, report=report)
    app = Quart("disio-site")

    @app.get("/")
    async def index() -> Response:
        return Response(page, content_type="text/html; charset=utf-8", headers=dict(headers or {}))

    @app.post("/status")
    async def status() -> Response:
        if on_status is not None:
            on_status(await request.get_json(force=True))
        return Response("", 204)

    listener = socket.create_server((host, 0))
    listener.setblocking(False)
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.accesslog = config.errorlog = None
    stop = asyncio.Event()
    port = listener.getsockname()[1]
    server = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    try:
        yield f"http://{host}:{port}/"
    finally:
        stop.set()
        await server
        with contextlib.suppress(OSError):
            listener.close()
