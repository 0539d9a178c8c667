"""Lets researchers in: programs by ``Authorization: Bearer``, people by a page that keeps their token in a cookie."""

from typing import Final
from urllib.parse import quote, urlsplit

from quart import Blueprint, g, redirect, render_template, request
from quart.typing import ResponseReturnValue
from quart_schema import hide

from disio.dashboard.researchers import Researchers
from disio.errors import UnauthorizedError

COOKIE: Final = "disio_token"
COOKIE_SECONDS: Final = 30 * 24 * 3600
_OPEN: Final = ("/static/", "/login", "/api/health")
"""What is served to everybody."""


def let_in(researchers: Researchers, *, required: bool) -> ResponseReturnValue | None:
    """Know who asks; None: go on.

    Args:
        researchers: who has a token.
        required: whether it has to be one of them.

    Raises:
        UnauthorizedError: a program without a token, or with one that is void.
    """
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    token = given.strip() if kind.lower() == "bearer" else request.cookies.get(COOKIE, "")
    g.researcher = (researchers.who(token) or "") if token else ""
    if g.researcher or not required or request.path.startswith(_OPEN):
        return None
    if request.path.startswith(("/api/", "/metrics")) or request.method != "GET":
        if token:
            raise UnauthorizedError(
                "nobody has this token; it may have been revoked: ask who runs this grid for another "
                "(`disio keys researcher NAME` makes one)"
            )
        raise UnauthorizedError(
            "this dashboard wants a researcher's token: set DISIO_TOKEN, or send Authorization: Bearer TOKEN "
            "(its operator makes one with `disio keys researcher NAME`)"
        )
    return redirect(f"/login?next={quote(request.full_path.rstrip('?'))}", 303)


def login_pages(researchers: Researchers) -> Blueprint:
    """The page where a token is given, and the way out."""
    blueprint = Blueprint("login", __name__)

    @blueprint.get("/login")
    @hide
    async def login() -> str:
        return await render_template("login.html", error="", next=_inside(request.args.get("next", "/")))

    @blueprint.post("/login")
    @hide
    async def enter() -> ResponseReturnValue:
        form = await request.form
        token, target = form.get("token", "").strip(), _inside(form.get("next", "/"))
        if researchers.who(token) is None:
            told = "Nobody has this token. It may have been revoked; ask who runs this grid for another."
            return await render_template("login.html", error=told, next=target), 401
        response = redirect(target, 303)
        response.set_cookie(
            COOKIE, token, max_age=COOKIE_SECONDS, httponly=True, samesite="Strict", secure=request.scheme == "https"
        )
        return response

    @blueprint.post("/logout")
    @hide
    async def leave() -> ResponseReturnValue:
        response = redirect("/login", 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="Strict")
        return response

    return blueprint


def _inside(target: str) -> str:
    """A path of this dashboard; never another site's."""
    parts = urlsplit(target)
    inside = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return target if inside else "/"
