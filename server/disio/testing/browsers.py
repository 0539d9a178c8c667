"""Find and start real browsers, headless, each as a plain process with a profile of its own.

A volunteer needs no remote control: the browser is started on a page that computes, and ended.
Plain processes also measure true rates, which a debugging connection would halve.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from glob import glob
from pathlib import Path
from typing import Final, Literal

from disio.errors import BrowserError, UsageError
from disio.testing.processes import die_with_parent

BrowserName = Literal["chromium", "firefox", "webkit"]

CHROMIUM_FLAGS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--password-store=basic",
    "--use-mock-keychain",
)
"""No traffic of the browser's own, and no slowing down of pages that nobody looks at."""

_PROGRAMS: Final[dict[str, tuple[str, ...]]] = {
    "chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "firefox": ("firefox-esr", "firefox"),
    "webkit": ("MiniBrowser",),
}
_INSTALL: Final[dict[str, str]] = {
    "chromium": "`apt-get install chromium`, or `playwright install chromium`",
    "firefox": "`apt-get install firefox-esr`",
    "webkit": "`apt-get install webkit2gtk-driver xvfb`",
}


def chromium_flags() -> tuple[str, ...]:
    """The flags for Chromium here: as root, which containers and CI often are, its own sandbox cannot start."""
    return (*CHROMIUM_FLAGS, "--no-sandbox") if os.name == "posix" and os.geteuid() == 0 else CHROMIUM_FLAGS


def find_browser(name: str) -> Path:
    """The program of a browser: ``DISIO_BROWSER`` if set, one on PATH, or Playwright's own.

    Raises:
        UsageError: no such kind of browser.
        BrowserError: it is not installed; says how to install it.
    """
    if name not in _PROGRAMS:
        raise UsageError(f"unknown browser {name!r}; choose one of {', '.join(_PROGRAMS)}")
    chosen = os.environ.get("DISIO_BROWSER", "")
    if chosen and name == "chromium":
        if not os.access(chosen, os.X_OK):
            raise BrowserError(
                f"DISIO_BROWSER names {chosen}, which is no program that can be started; mend or unset it"
            )
        return Path(chosen)
    for program in _PROGRAMS[name]:
        if found := shutil.which(program):
            return Path(found)
    if name == "webkit" and (libraries := glob("/usr/lib/*/webkit2gtk-4.1/MiniBrowser")):  # noqa: PTH207 - absolute
        return Path(libraries[0])
    if name == "chromium" and (cached := _playwright_chromium()):
        return cached
    raise BrowserError(f"no {name} was found; install it with {_INSTALL[name]}")


def _playwright_chromium() -> Path | None:
    root = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    programs = sorted(root.glob("chromium-*/chrome-linux*/chrome"))
    return programs[-1] if programs else None


def _command(name: str, program: Path, profile: Path, *, headless: bool) -> list[str]:
    if name == "chromium":
        mode = ["--headless=new"] if headless else []
        return [str(program), *mode, *chromium_flags(), f"--user-data-dir={profile}"]
    if name == "firefox":
        (profile / "user.js").write_text(_FIREFOX_PREFERENCES)
        return [str(program), *(["--headless"] if headless else []), "--no-remote", "--profile", str(profile)]
    if headless:
        xvfb = shutil.which("xvfb-run")
        if xvfb is None:
            raise BrowserError("WebKit needs a screen; install xvfb with `apt-get install xvfb`")
        return [xvfb, "-a", str(program)]
    return [str(program)]


_FIREFOX_PREFERENCES: Final = "".join(
    f'user_pref("{name}", {value});\n'
    for name, value in {
        "browser.shell.checkDefaultBrowser": "false",
        "browser.aboutwelcome.enabled": "false",
        "browser.newtabpage.enabled": "false",
        "browser.startup.page": "0",
        "browser.topsites.contile.enabled": "false",
        "browser.search.update": "false",
        "browser.region.update.enabled": "false",
        "browser.tabs.remote.separatePrivilegedContentProcess": "false",
        "dom.ipc.processPrelaunch.enabled": "false",
        "extensions.getAddons.cache.enabled": "false",
        "datareporting.policy.dataSubmissionEnabled": "false",
        "toolkit.telemetry.enabled": "false",
        "app.update.enabled": "false",
        "app.normandy.enabled": "false",
        "browser.safebrowsing.malware.enabled": "false",
        "browser.safebrowsing.phishing.enabled": "false",
        "network.captive-portal-service.enabled": "false",
        "network.connectivity-service.enabled": "false",
        "services.settings.server": '"data:,"',
        "dom.min_background_timeout_value": "4",
    }.items()
)


class Browser:
    """One headless browser on one page. Use :func:`open_browser`."""

    def __init__(self, child: asyncio.subprocess.Process, name: str) -> None:
        self.name = name
        self._child = child

    @property
    def pid(self) -> int:
        """The browser's main process."""
        return self._child.pid

    async def close(self) -> None:
        """End the browser and everything that it started; idempotent. To the page it is a crash."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        await self._child.wait()


@contextlib.asynccontextmanager
async def open_browser(
    url: str, *, browser: str = "chromium", headless: bool = True, flags: Sequence[str] = ()
) -> AsyncIterator[Browser]:
    """Open ``url`` in a fresh browser with an empty profile, and end it afterwards; ``flags`` are more for its command.

    Raises:
        BrowserError: there is no such browser here, or it ended at once.
    """
    program = find_browser(browser)
    with tempfile.TemporaryDirectory(prefix="disio-browser-", ignore_cleanup_errors=True) as folder:
        profile = Path(folder)
        environment = {**os.environ, "HOME": folder} if browser == "firefox" else dict(os.environ)
        if browser == "webkit" and os.geteuid() == 0:
            environment["WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS"] = "1"
        child = await asyncio.create_subprocess_exec(
            *_command(browser, program, profile, headless=headless),
            *flags,
            url,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        opened = Browser(child, browser)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    status = await child.wait()
                raise BrowserError(f"{program} ended at once with status {status}; try it by hand: {program} {url}")
            yield opened
        finally:
            await opened.close()


@contextlib.asynccontextmanager
async def open_volunteers(
    url: str, *, count: int = 1, browser: str = "chromium", headless: bool = True
) -> AsyncIterator[list[Browser]]:
    """Open ``count`` separate browsers on a page that carries the loader."""
    async with contextlib.AsyncExitStack() as stack:
        opened = await asyncio.gather(
            *(stack.enter_async_context(open_browser(url, browser=browser, headless=headless)) for _ in range(count))
        )
        yield list(opened)
