"""The API's OpenAPI document: each message shape once, under its own name, with its true content types."""

import inspect
from typing import Any, Final

import msgspec
from quart_schema import DataSource
from quart_schema.openapi import OpenAPIProvider

from disio.wire import api

_MODELS: Final = (
    api.TaskSubmission,
    api.Task,
    api.TaskCollection,
    api.Deletion,
    api.Ballot,
    api.ResultLine,
    api.FailureLine,
    api.OutcomeLine,
    api.EventLine,
    api.PayloadAddition,
    api.Stored,
    api.FilesQuery,
    api.FilesState,
    api.AnswerBody,
    api.Grid,
    api.Health,
    api.ErrorBody,
)
_REFERENCE: Final = "#/components/schemas/{name}"
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_TEXT: Final = {"schema": {"type": "string"}}


def _content(model: Any) -> dict[str, Any]:
    reference = {"schema": {"$ref": _REFERENCE.format(name=model.__name__)}}
    if model is api.ResultLine:
        return {api.NDJSON_TYPE: reference, "text/csv": _TEXT}
    if model is api.OutcomeLine:
        return {api.NDJSON_TYPE: reference, api.MSGPACK_TYPE: _BINARY}
    if model is api.PayloadAddition:
        return {"application/json": reference, api.MSGPACK_TYPE: _BINARY}
    if model in (api.FailureLine, api.EventLine):
        return {api.NDJSON_TYPE: reference}
    if model is api.AnswerBody:
        return {"application/json": reference, "image/*": _BINARY, api.CODEC_TYPE: _BINARY}
    return {"application/json": reference}


_OTHERWISE: Final = {
    "description": "What was asked for does not fit, or cannot be.",
    "content": _content(api.ErrorBody),
}


class Provider(OpenAPIProvider):
    """Describes bodies by reference; quart-schema's own way loses structs that stand inside others."""

    def schema(self) -> dict[str, Any]:
        """The whole document."""
        document = super().schema()
        _, components = msgspec.json.schema_components(_MODELS, ref_template=_REFERENCE)
        document["components"]["schemas"] = components
        for path in document["paths"].values():
            for operation in path.values():
                responses = {str(status): answer for status, answer in operation["responses"].items()}
                operation["responses"] = {**responses, "default": _OTHERWISE}
        return document

    def build_querystring_parameters(self, model: type[Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """What may stand in the query string, and what has to."""
        parameters, components = super().build_querystring_parameters(model)
        required = {field.encode_name for field in msgspec.structs.fields(model) if field.required}
        for parameter in parameters:
            parameter["required"] = parameter["name"] in required
        return parameters, components

    def build_request_body(self, model: Any, source: DataSource) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a request's body is."""
        del source
        return {"required": True, "content": _content(model)}, {}

    def build_response_object(self, model: Any, headers_model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """What an answer's body is."""
        del headers_model
        return {"description": inspect.getdoc(model) or "", "content": _content(model)}, {}
