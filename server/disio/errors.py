"""Every error that Disio raises on purpose: one tree, each with what happened and what to do.

The message is for the person who reads it: what happened, what it means, what to do next.
The command line prints it as one line; the HTTP API sends it as ``{"error": code, "message": text}``.
"""

from typing import ClassVar


class DisioError(Exception):
    """The root of the tree. Catch it to catch everything that Disio raises on purpose."""

    code: ClassVar[str] = "disio_error"
    http_status: ClassVar[int] = 500
    exit_status: ClassVar[int] = 1


class UsageError(DisioError):
    """A value given by the user (option, parameter, environment) cannot be used."""

    code = "usage"
    http_status = 400
    exit_status = 2


class UnitError(DisioError):
    """A work unit cannot be used: syntax error, no ``run``, bad metadata, a ``split`` that fails."""

    code = "unit"
    http_status = 422


class UnitWarning(UserWarning):
    """A submitted unit has lines that will not do in browsers what they do at home."""


class CodecError(DisioError):
    """A value cannot be encoded, or bytes are no encoded value; names the place inside the value."""

    code = "codec"
    http_status = 422


class ProtocolError(DisioError):
    """A peer sent something that the protocol does not allow."""

    code = "protocol"
    http_status = 400


class BundleError(DisioError):
    """The bundle is missing, altered, or cannot be built."""

    code = "bundle"


class AlteredError(DisioError):
    """A file is not what its hash says: it was altered, or did not arrive whole."""

    code = "altered"
    http_status = 422


class StoreError(DisioError):
    """The database or spool cannot be used: not SQLite, of a newer version, in use, or full."""

    code = "store"


class UnreachableError(DisioError):
    """No manager, distributor or dashboard answers at the address."""

    code = "unreachable"
    http_status = 503


class UnauthorizedError(DisioError):
    """Whoever asks has not said who they are: a token is missing, or void."""

    code = "unauthorized"
    http_status = 401


class NotFoundError(DisioError):
    """There is no such task, result, file or volunteer."""

    code = "not_found"
    http_status = 404


class ConflictError(DisioError):
    """The request does not fit the state that the thing is in."""

    code = "conflict"
    http_status = 409


class BrowserError(DisioError):
    """No browser was found, or it does not start."""

    code = "browser"
