"""The dashboard as a Quart application: pages, API, errors, metrics."""

import asyncio
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest
from quart import Quart, Response, render_template, request
from quart_schema import Info, QuartSchema, hide
from werkzeug.exceptions import HTTPException

import disio
from disio.dashboard import api as api_routes
from disio.dashboard import live, pages
from disio.dashboard.links import Links
from disio.dashboard.login import login_pages
from disio.dashboard.openapi import Provider
from disio.dashboard.researchers import Researchers
from disio.dashboard.security import secure
from disio.errors import DisioError, UnauthorizedError
from disio.wire import api

log = structlog.get_logger(__name__)

_MESSAGES = {
    404: "there is nothing at this address",
    405: "this address does not take this method",
    413: f"the request is larger than {api.MAX_BODY_BYTES // 2**20} MiB",
}
_TITLES = {401: "Who is that?", 403: "Not from there", 404: "Not here", 503: "Nobody answers"}


def create_app(
    links: Links,
    researchers: Researchers,
    *,
    allowed_hosts: frozenset[str] | None = frozenset(),
    tokens: bool = False,
) -> Quart:
    """The application.

    Args:
        links: by which it asks managers.
        researchers: who has a token.
        allowed_hosts: names to which it answers, besides loopback's; None: any.
        tokens: whether it answers only to those who have a token.
    """
    app = Quart("disio.dashboard")
    app.config["MAX_CONTENT_LENGTH"] = api.MAX_BODY_BYTES
    app.config["QUART_SCHEMA_CONVERSION_PREFERENCE"] = "msgspec"
    app.config["TEMPLATES_AUTO_RELOAD"] = False
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["disio_links"] = links
    app.extensions["disio_stop"] = asyncio.Event()
    QuartSchema(
        app,
        openapi_path="/api/openapi.json",
        openapi_provider_class=Provider,
        swagger_ui_path=None,
        redoc_ui_path=None,
        scalar_ui_path=None,
        info=Info(
            title="Disio", version=disio.__version__, description="Submit work units, follow tasks, fetch results."
        ),
    )
    secure(app, allowed_hosts, researchers, tokens=tokens)
    app.jinja_env.globals["tokens_wanted"] = tokens
    for blueprint in (api_routes.blueprint, pages.blueprint, live.blueprint, login_pages(researchers)):
        app.register_blueprint(blueprint)
    _answer_errors(app)
    _serve_metrics(app, links)
    return app


def _answer_errors(app: Quart) -> None:
    @app.errorhandler(DisioError)
    async def expected(error: DisioError) -> Response:
        return await _error(error.http_status, error.code, str(error))

    @app.errorhandler(HTTPException)
    async def refused(error: HTTPException) -> Response:
        status = error.code or 500
        message = _MESSAGES.get(status) or (error.description or error.name)
        response = await _error(status, error.name.lower().replace(" ", "_"), message)
        response.headers.extend(header for header in error.get_headers() if header[0] in ("Allow", "Retry-After"))
        return response

    @app.errorhandler(Exception)
    async def unexpected(error: Exception) -> Response:
        log.error("request failed", path=request.path, exc_info=error)
        return await _error(500, "internal", "the dashboard failed; its log says why")


async def _error(status: int, code: str, message: str) -> Response:
    """An error as JSON for programs, as a page for people."""
    if request.path.startswith("/api/") or request.accept_mimetypes.best == "application/json":
        body = api.encode(api.ErrorBody(error=code, message=message))
        response = Response(body, status=status, content_type="application/json")
        if status == UnauthorizedError.http_status:
            response.headers["WWW-Authenticate"] = 'Bearer realm="disio"'
        return response
    title = _TITLES.get(status, "That did not work")
    page = await render_template("error.html", status=status, title=title, message=message)
    return Response(page, status=status, content_type="text/html; charset=utf-8")


def _serve_metrics(app: Quart, links: Links) -> None:
    registry = CollectorRegistry()
    requests = Counter("disio_dashboard_requests", "Requests answered.", ["status"], registry=registry)
    known = Gauge("disio_dashboard_managers", "Managers known.", registry=registry)
    reachable = Gauge("disio_dashboard_managers_reachable", "Managers that answer.", registry=registry)
    known.set_function(lambda: float(len(list(links))))
    reachable.set_function(lambda: float(sum(link.up.is_set() for link in links)))

    @app.after_request
    async def count(response: Any) -> Any:
        requests.labels(status=str(response.status_code)).inc()
        return response

    @app.get("/metrics")
    @hide
    async def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
