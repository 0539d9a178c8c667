"""What may stand in a request to the HTTP API: its query string and its body, as structs."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct
from quart import request

from disio.errors import UsageError
from disio.wire import api

S = TypeVar("S", bound=Struct)


class Changes(Struct, kw_only=True):
    """Query of answers that can be waited for."""

    since: Annotated[
        api.Version | None, Meta(description="A version seen before: the answer waits until there is a newer one.")
    ] = None
    wait: Annotated[api.WaitSeconds, Meta(description="For how many seconds it waits at most.")] = 0.0


class DeleteQuery(Struct, kw_only=True):
    """Query of a deletion."""

    force: Annotated[bool, Meta(description="Cancel the task first if it has not ended.")] = False
    wait: Annotated[api.WaitSeconds, Meta(description="For how many seconds it waits for the end at most.")] = 0.0


class Page(Struct, kw_only=True):
    """Query of long lists, which come in order of index."""

    after: Annotated[api.Index, Meta(description="Only what comes after this index.")] = -1
    limit: Annotated[api.Count | None, Meta(description="At most so many; all if left out.")] = None


class ResultsQuery(Page, kw_only=True):
    """Query of results."""

    format: Literal["ndjson", "csv"] = "ndjson"


class OutcomesQuery(Struct, kw_only=True):
    """Query of outcomes."""

    by: Annotated[
        Literal["index", "settled"],
        Meta(description="In order of index, each once all before it are settled; or in the order of settling."),
    ] = "settled"
    after: Annotated[api.Index, Meta(description="Only what comes after this index, or this `settled`.")] = -1
    payloads: Annotated[bool, Meta(description="With the payloads.")] = True
    format: Annotated[
        Literal["ndjson", "msgpack"],
        Meta(
            description="One JSON object a line; or packs: 4 bytes length (little-endian) and msgpack, in codec bytes."
        ),
    ] = "ndjson"


class EventsQuery(Struct, kw_only=True):
    """Query of events."""

    after: Annotated[api.Index, Meta(description="Only what came after this `at`.")] = -1


class Room(Struct, kw_only=True):
    """Query of additions to an open task."""

    wait: Annotated[api.WaitSeconds, Meta(description="For how many seconds it waits for room at most.")] = 20.0


class AnswerQuery(Struct, kw_only=True):
    """Query of an answer: ``auto`` is a picture's own bytes if it is one, else JSON; ``codec`` the exact bytes."""

    format: Literal["auto", "json", "codec"] = "auto"


def query(kind: type[S]) -> S:
    """The query string as a struct.

    Raises:
        UsageError: it does not fit.
    """
    try:
        return msgspec.convert(request.args.to_dict(), kind, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"the query string does not fit: {error}") from None


async def body(kind: type[S], decode: Callable[..., Any] = msgspec.json.decode) -> S:
    """The request's body (JSON, unless another ``decode`` is given) as a struct.

    Raises:
        UsageError: it cannot be read, or does not fit.
    """
    try:
        found: S = decode(await request.get_data(), type=kind)
    except msgspec.ValidationError as error:
        told = str(error).replace(f"`str` matching regex {api.SITE_PATTERN!r}", "a host like a.example or *.a.example")
        raise UsageError(f"the body does not fit: {told}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        form = "JSON" if decode is msgspec.json.decode else "msgpack"
        raise UsageError(f"the body is no {form}: {error}") from None
    return found
