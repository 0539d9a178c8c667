"""A page in any browser that does as its own server says: browsers that no driver can lead are led in this way."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, Final

from disio.testing import open_browser

from .walls import Server

WAIT: Final = 120.0
"""Seconds; the machine may be busy with other tests."""
OBEY: Final = """<script>
(async () => {
  for (;;) {
    const { number, code, last } = await (await fetch("/order")).json();
    let answer;
    try {
      answer = { number, value: (await (0, eval)(code)) ?? null };
    } catch (error) {
      answer = { number, error: String(error) };
    }
    await fetch("/answer", { method: "POST", body: JSON.stringify(answer) });
    if (last) return location.reload();
  }
})();
</script>"""


class RemotePage:
    """A page that evaluates what it is told, one expression after the other."""

    def __init__(self, html: str) -> None:
        self._html = html.replace("</body>", f"{OBEY}</body>").encode()
        self._orders: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: list[asyncio.Future[Any]] = []

    async def evaluate(self, code: str, *, last: bool = False) -> Any:
        """The value of an expression, or what its promise resolves with, as JSON has it.

        Raises:
            AssertionError: it has thrown.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._orders.put_nowait({"number": len(self._answers), "code": code, "last": last})
        self._answers.append(answer)
        return await asyncio.wait_for(answer, WAIT)

    async def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        waiting = f"new Promise((done) => setInterval(() => {{ if ({condition}) done(true); }}, 50))"
        await self.evaluate(waiting)

    async def reload(self) -> None:
        """Begin anew, without anything that was on the page."""
        await self.evaluate("0", last=True)

    async def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """What the page's server says."""
        if path == "/order":
            order = await self._orders.get()
            return 200, {"content-type": "application/json"}, json.dumps(order).encode()
        if path == "/answer":
            said = json.loads(body)
            answer = self._answers[said["number"]]
            if not answer.done():
                if "error" in said:
                    answer.set_exception(AssertionError(said["error"]))
                else:
                    answer.set_result(said["value"])
            return 200, {}, b""
        return 200, {"content-type": "text/html; charset=utf-8"}, self._html


@contextlib.asynccontextmanager
async def open_remote(html: str, browser: str) -> AsyncIterator[RemotePage]:
    """A page with this text in a browser of this kind."""
    page = RemotePage(html)
    async with Server(page.answer).open() as site, open_browser(site.url, browser=browser):
        yield page
