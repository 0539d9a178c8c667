"""The dashboard as a Quart application: pages, API, errors, metrics."""

from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest
from quart import Quart, Response, request
from quart_schema import Info, QuartSchema, hide
from werkzeug.exceptions import HTTPException

import disio
from disio.dashboard import api as api_routes
from disio.dashboard.links import Links
from disio.dashboard.security import secure
from disio.errors import DisioError
from disio.wire import api

log = structlog.get_logger(__name__)

_MESSAGES = {
    404: "there is nothing at this address",
    405: "this address does not take this method",
    413: f"the request is larger than {api.MAX_BODY_BYTES // 2**20} MiB",
}


def create_app(links: Links, allowed_hosts: frozenset[str] = frozenset()) -> Quart:
    """The application; it asks managers by ``links`` and answers to loopback names and ``allowed_hosts``."""
    app = Quart("disio.dashboard")
    app.config["MAX_CONTENT_LENGTH"] = api.MAX_BODY_BYTES
    app.config["QUART_SCHEMA_CONVERSION_PREFERENCE"] = "msgspec"
    app.extensions["disio_links"] = links
    QuartSchema(
        app,
        openapi_path="/api/openapi.json",
        swagger_ui_path=None,
        redoc_ui_path=None,
        scalar_ui_path=None,
        info=Info(
            title="Disio", version=disio.__version__, description="Submit work units, follow tasks, fetch results."
        ),
    )
    secure(app, allowed_hosts)
    app.register_blueprint(api_routes.blueprint)
    _answer_errors(app)
    _serve_metrics(app, links)
    return app


def _answer_errors(app: Quart) -> None:
    @app.errorhandler(DisioError)
    async def expected(error: DisioError) -> Response:
        return _error(error.http_status, error.code, str(error))

    @app.errorhandler(HTTPException)
    async def refused(error: HTTPException) -> Response:
        status = error.code or 500
        message = _MESSAGES.get(status) or (error.description or error.name)
        return _error(status, error.name.lower().replace(" ", "_"), message)

    @app.errorhandler(Exception)
    async def unexpected(error: Exception) -> Response:
        log.error("request failed", path=request.path, exc_info=error)
        return _error(500, "internal", "the dashboard failed; its log says why")


def _error(status: int, code: str, message: str) -> Response:
    return Response(
        api.encode(api.ErrorBody(error=code, message=message)), status=status, content_type="application/json"
    )


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
