"""What the distributor answers when it has nothing to give: a small page for people, a line for everything else."""

from collections.abc import Callable
from typing import Final

from quart import Quart, Response, has_websocket_context, render_template, request
from werkzeug.exceptions import HTTPException

from disio.distributor import headers

_WORDS: Final = {
    404: ("Nothing here.", "There is no such file or page on this distributor."),
    405: ("Not that way.", "This address does not take this method."),
    413: ("Too much.", "The request is larger than a distributor takes."),
    421: ("Not this name.", "This distributor does not answer to that name."),
    429: ("Too often.", "Too many requests came from your network address; try again in a while."),
    500: ("That did not work.", "The distributor failed; its log says why."),
}


def answer_errors(app: Quart, own: Callable[[], str]) -> None:
    """Have ``app`` answer its errors so; ``own`` is the origin by which the request at hand came."""

    @app.errorhandler(HTTPException)
    async def refused(error: HTTPException) -> Response:
        status = error.code or 500
        if has_websocket_context():  # no request to look at, and nobody who reads more than the status
            status = 404 if status < 500 else status
            return Response(b"", status, headers=headers.EVERYWHERE)
        title, message = _WORDS.get(status, ("That did not work.", error.description or error.name))
        if "text/html" in request.headers.get("Accept", ""):  # only who opens a page asks for that by name
            page = await render_template("error.html", title=title, message=message)
            response = Response(page, status, content_type="text/html; charset=utf-8")
            headers.extend(response.headers, headers.page(own()))
        else:
            response = Response(f"{message}\n", status, content_type="text/plain; charset=utf-8")
        for name, value in error.get_headers():
            if name != "Content-Type":  # Allow, Content-Range: part of the answer
                response.headers[name] = value
        return response
