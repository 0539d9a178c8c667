"""The headers that let our frames work inside other people's pages, and let units reach nothing."""

import re
from collections.abc import Iterable
from typing import Final

from werkzeug.datastructures import Headers

_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9a-fA-F:]+\](:[0-9]{1,5})?")

EVERYWHERE: Final = {
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""On every answer."""
SHARED: Final = {"Access-Control-Allow-Origin": "*"}
"""On every file: the cell's opaque origin reads scripts across origins."""
IMMUTABLE: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
"""On files named by their hash."""
REVALIDATED: Final = {"Cache-Control": "no-cache"}
"""On files that change with a release."""
MOMENTARY: Final = {"Cache-Control": "no-store"}
"""On what is another thing a moment later."""


BY_LANGUAGE: Final = {"Vary": "Accept-Encoding, Accept-Language"}
"""On the loader, which asks its visitor in a language that the browser prefers."""


def origin(url: str, scheme: str, host: str) -> str:
    """This distributor's origin as the browser sees it, to be written out in policies.

    Args:
        url: the configured address; wins if there is one.
        scheme: the request's scheme.
        host: the request's Host header, which may be anything.
    """
    if url:
        return url.rstrip("/")
    if not _HOST.fullmatch(host):
        return ""
    return f"{'https' if scheme in ('https', 'wss') else 'http'}://{host}"


def secured(own: str) -> dict[str, str]:
    """Who has come by HTTPS does not come without it again."""
    return {"Strict-Transport-Security": "max-age=31536000"} if own.startswith("https:") else {}


def bridge(own: str, others: Iterable[str] = ()) -> dict[str, str]:
    """The bridge runs our scripts, frames the cell, talks to this origin and the grid's others, and nothing else."""
    origins = tuple(dict.fromkeys((own, *others)))  # behind one address with others, theirs is ours
    connect = " ".join((*origins, *(each.replace("http", "ws", 1) for each in origins)))
    return _frame(
        f"default-src 'none'; script-src {own}; connect-src {connect}; frame-src {own}; "
        f"style-src {own}; img-src blob:; base-uri 'none'; form-action 'none'"
    )


def cell(own: str) -> dict[str, str]:
    """The cell runs units. It may connect to nothing at all, this origin included.

    WebRTC is taken away by its script: no browser knows the directive for it, and Chromium warns of it on every site.
    """
    return _frame(
        f"default-src 'none'; script-src {own} blob: 'wasm-unsafe-eval'; worker-src blob:; "
        "base-uri 'none'; form-action 'none'; sandbox allow-scripts"
    ) | {"X-DNS-Prefetch-Control": "off"}


def page(own: str) -> dict[str, str]:
    """Our own page: the script tag like any site's."""
    return {
        "Content-Security-Policy": f"default-src 'none'; script-src {own}; style-src 'unsafe-inline'; "
        f"frame-src {own}; connect-src {own}; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }


def _frame(policy: str) -> dict[str, str]:
    """On a site that has an embedder policy (COEP) a frame appears only if it has one too.

    Not ``require-corp``: with that, WebKit starts no ``blob:`` worker in an opaque origin. It does not know the other.
    """
    return {
        "Cross-Origin-Embedder-Policy": "credentialless",
        "Content-Security-Policy": policy,
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=(), usb=(), payment=()",
    }


def extend(headers: Headers, *more: dict[str, str]) -> None:
    """Set all of these headers."""
    for some in more:
        for name, value in some.items():
            headers[name] = value
