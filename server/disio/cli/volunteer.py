"""``disio volunteer``."""

import asyncio
import contextlib
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

import httpx
import typer

from disio.cli.commands import JsonOption
from disio.cli.output import err
from disio.client.core import by_proxy
from disio.errors import UnreachableError, UsageError
from disio.figures import counted
from disio.testing.browsers import find_browser, open_volunteers
from disio.wire.api import encode
from disio.wire.volunteer_keys import read_key

_LOADER: Final = "disio.js"
_PAGE_BYTES: Final = 256 * 1024


def volunteer(
    *,
    url: Annotated[str, typer.Argument(metavar="URL", help="A distributor, or a page that carries its script tag.")],
    count: Annotated[int, typer.Option(help="How many browsers.", min=1, max=64)] = 1,
    browser: Annotated[str, typer.Option(help="chromium, firefox or webkit.")] = "chromium",
    headless: Annotated[bool, typer.Option("--headless/--visible", help="Without or with a window.")] = True,
    seconds: Annotated[
        float | None, typer.Option(help="End after so many seconds.", min=0, show_default="until Ctrl-C")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="An operator's key file, for the distributor's own page.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Open headless browsers that compute for a site.

    Examples:
      disio volunteer http://127.0.0.1:7701
      disio volunteer --count 2 --browser firefox http://127.0.0.1:7701
      disio volunteer --key lab.key https://compute.example.org
    """
    page = with_consent(url)
    secret = "" if key is None else f"#key={read_key(key)}"
    asyncio.run(_compute(page, secret, count, browser, headless=headless, seconds=seconds, as_json=as_json))


def with_consent(url: str) -> str:
    """The address with ``consent=granted``, which a distributor's own page honours on loopback.

    Raises:
        UsageError: it is no http or https address.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url!r} is no web address; write it like http://127.0.0.1:7701")
    if "consent=" in parts.query:
        return parts.geturl()
    query = "&".join(filter(None, (parts.query, urlencode({"consent": "granted"}))))
    return urlunsplit(parts._replace(path=parts.path or "/", query=query))


async def _compute(
    url: str, secret: str, count: int, browser: str, *, headless: bool, seconds: float | None, as_json: bool
) -> None:
    find_browser(browser)
    await _visit(url)
    async with open_volunteers(url + secret, count=count, browser=browser, headless=headless):
        if as_json:
            print(encode({"ready": "volunteers", "count": count, "url": url}).decode(), flush=True)
        else:
            print(f"{counted(count, 'volunteer')} at {url}; Ctrl-C ends them", flush=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.Future()


async def _visit(url: str) -> None:
    """See that there is a page, with the tag in it: a browser would wait before another one for ever."""
    try:
        async with (
            httpx.AsyncClient(trust_env=by_proxy(url), timeout=10, follow_redirects=True) as http,
            http.stream("GET", url) as response,
        ):
            status = response.status_code
            text = await _beginning(response)
    except httpx.InvalidURL as error:
        raise UsageError(f"{url!r} is no web address ({error}); write it like http://127.0.0.1:7701") from None
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"no page at {url} ({error or type(error).__name__}); name a distributor that runs, "
            "or a page that carries its script tag"
        ) from None
    if status >= 400:
        raise UnreachableError(
            f"{url} answers with status {status}; name a distributor, or a page that carries its script tag"
        )
    if _LOADER not in text:  # not an error: a script of the page may add the tag
        err.print(f"disio: no script tag of a distributor ({_LOADER}) is seen in the page at {url}", markup=False)


async def _beginning(response: httpx.Response) -> str:
    """The first piece of a page, as text."""
    pieces = b""
    async for piece in response.aiter_bytes():
        pieces += piece
        if len(pieces) >= _PAGE_BYTES:
            break
    return pieces.decode(errors="replace")
