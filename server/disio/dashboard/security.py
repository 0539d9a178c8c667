"""Who may talk to the dashboard: no other web page by way of a researcher's browser.

On loopback no token is wanted (see ``login``); what must be kept out is a foreign page in the researcher's own
browser: by DNS rebinding (its name made to point here: the Host is then wrong) or by sending requests across sites
(their origin is then foreign). Where tokens are wanted, a page under a foreign name has no cookie.
"""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from quart import Quart, Response, request
from quart.typing import ResponseReturnValue

from disio.dashboard.login import let_in
from disio.dashboard.researchers import Researchers
from disio.errors import DisioError

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class ForbiddenError(DisioError):
    """The request came from a place that may not make it."""

    code = "forbidden"
    http_status = 403


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without port, means this machine only."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_host(host_header: str, allowed: frozenset[str]) -> None:
    """Refuse a Host that is neither loopback nor one of the allowed names.

    Raises:
        ForbiddenError: it is another.
    """
    host = urlsplit(f"//{host_header}").hostname or ""
    if not is_loopback(host) and host not in allowed:
        raise ForbiddenError(
            f"this dashboard does not answer to the name {host!r}; start it with --allow-host {host or 'NAME'}"
        )


def check_origin(method: str, host_header: str, origin: str | None, fetch_site: str | None) -> None:
    """Refuse a request that changes something and comes from another web page.

    Programs that are no browsers send neither ``Origin`` nor ``Sec-Fetch-Site``, and may.

    Raises:
        ForbiddenError: another origin's page sent it.
    """
    if method in _SAFE_METHODS:
        return
    if fetch_site is not None and fetch_site not in ("same-origin", "none"):
        raise ForbiddenError("another web page sent this request; open the dashboard itself and try again")
    if origin is not None and urlsplit(origin).netloc != host_header:
        raise ForbiddenError(f"a page of {origin} sent this request; open the dashboard itself and try again")


def secure(app: Quart, allowed: frozenset[str] | None, researchers: Researchers, *, tokens: bool) -> None:
    """Check every request, and send headers that keep browsers to the dashboard's own files.

    Args:
        app: the application.
        allowed: names besides loopback's to which it answers; None: any, as tokens are wanted.
        researchers: who has a token.
        tokens: whether one is wanted.
    """

    @app.before_request
    async def check() -> ResponseReturnValue | None:
        host = request.headers.get("Host", "")
        if allowed is not None:
            check_host(host, allowed)
        check_origin(request.method, host, request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site"))
        return let_in(researchers, required=tokens)

    @app.after_request
    async def add_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response
