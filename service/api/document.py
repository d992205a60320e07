"""The OpenAPI document: what FastAPI derives from the routes, with problems and security shared."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from labelaudit.schemas import Problem
from service.api.examples import give_example, read_examples
from service.api.vocabulary import DESCRIPTIONS

KEY, COOKIE, KEY_AS_PASSWORD = "ApiKey", "SessionCookie", "ApiKeyAsPassword"
SECURITY_SCHEMES = {
    KEY: {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, `la_…`. Each operation says which scope it needs.",
    },
    COOKIE: {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-labelaudit",
        "description": "The session of a signed-in browser. Over plain HTTP its name is "
        "`labelaudit-PORT`. Requests that change something also need the header `X-CSRF: 1`.",
    },
    KEY_AS_PASSWORD: {
        "type": "http",
        "scheme": "basic",
        "description": "An API key as the password, with any user: for annotation tools, which can "
        "send nothing else.",
    },
}
RETRY_AFTER = {
    "description": "Seconds to wait before the next try.",
    "schema": {"type": "integer", "minimum": 0},
}
LOCATION = {"description": "Address of the resource.", "schema": {"type": "string"}}
ETAG = {"description": "Send it back as `If-None-Match`.", "schema": {"type": "string"}}
HEADERS = {
    "201": {"Location": LOCATION},
    "202": {"Location": LOCATION, "Retry-After": RETRY_AFTER},
    "304": {"ETag": ETAG},
}
# Each problem of the API: a name, when it occurs, and the headers that come with it.
PROBLEMS: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: ("BadRequest", "The cursor, a header or the JSON is unreadable", {}),
    401: (
        "Unauthorized",
        "No valid API key or session",
        {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}},
    ),
    403: ("Forbidden", "Your role does not permit this", {}),
    404: ("NotFound", "Not found", {}),
    406: ("NotAcceptable", "No representation matches the `Accept` header", {}),
    408: ("RequestTimeout", "The body stopped arriving", {}),
    409: ("Conflict", "Conflicts with the current state", {}),
    410: ("Gone", "Rejected or expired", {}),
    412: ("PreconditionFailed", "A precondition header failed", {}),
    413: ("ContentTooLarge", "The body is too large", {}),
    415: ("UnsupportedMediaType", "Unsupported media type", {}),
    422: ("UnprocessableContent", "Invalid request; `errors` points to each fault", {}),
    416: ("RangeNotSatisfiable", "The file has no such part", {}),
    423: ("Locked", "Another request is writing", {}),
    429: ("TooManyRequests", "Too many requests", {"Retry-After": RETRY_AFTER}),
    460: ("ChecksumMismatch", "The bytes do not match their checksum", {}),
    503: ("ServiceUnavailable", "A dependency is not available", {"Retry-After": RETRY_AFTER}),
    507: ("InsufficientStorage", "The disk is nearly full", {"Retry-After": RETRY_AFTER}),
}
# In the order of the documentation.
TAGS = {
    "uploads": "Send large files: resumably through the service, or in parts to a bucket.",
    "datasets": "Labeled datasets, their columns, their samples and what was said about them.",
    "audits": "Train models on a dataset, follow the progress, read the ranked suspects.",
    "review": "The queue of suspects, verdicts, reverts, and rankings that heed the verdicts.",
    "overview": "Class pairs, findings, the data map, plots and the report of an audit.",
    "people": "Review settings, assignments and the work of each person.",
    "classifier": "The classifier that an audit trains on the cleaned labels.",
    "exports": "Corrected datasets as files.",
    "annotation tools": "Label Studio: the configuration of a project, and an audit as its model.",
    "members": "People with access to a dataset.",
    "keys": "API keys, and your own identity.",
    "sessions": "Signed-in browsers and single sign-on.",
    "tenants": "Organisations, for operators of the service.",
    "webhooks": "Endpoints that get a signed message when something is completed or fails.",
    "access log": "The log of sign-ins, refusals, changes and downloads.",
    "catalogue": "Objectives and encoders: the choices for an audit.",
    "health": "Probes and metrics.",
}
Responses = dict[int | str, dict[str, Any]]
PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def documented(*statuses: int) -> Responses:
    """OpenAPI responses for the problems that a route can return."""
    return {
        status: {"description": PROBLEMS[status][1], "content": PROBLEM_CONTENT}
        for status in (400, 401, 403, 404, 406, 422, 429, 503, *statuses)
    }


def produces(
    *media_types: str, description: str = "The file.", json_schema: str | None = None
) -> Responses:
    """The OpenAPI response of a route that answers with something other than JSON, or with JSON of
    the schema of this name."""
    content = {media_type: _content(media_type) for media_type in media_types}
    if json_schema is not None:
        reference = {"$ref": f"#/components/schemas/{json_schema}"}
        content["application/json"] = {"schema": reference}
    return {200: {"description": description, "content": content}}


def _content(media_type: str) -> dict[str, Any]:
    if media_type == "text/event-stream":
        return {}  # a schema would describe each event's data, which the description does
    is_text = media_type.startswith("text/") or media_type.endswith(("+xml", "/xml"))
    return {"schema": {"type": "string"} if is_text else {"type": "string", "format": "binary"}}


def revalidated() -> Responses:
    """The response of a route whose answer the caller may have kept."""
    return {304: {"description": "You have the current version: its `ETag` was sent."}}


def documented_publicly() -> Responses:
    """The problems of a route that anybody may ask, at any time."""
    return {status: one for status, one in documented().items() if status in (406, 422)}


def operation_id(route: APIRoute) -> str:
    """The name of the route's function."""
    return route.name


def install(app: FastAPI) -> None:
    """Make `app.openapi` return the document below."""
    app.openapi = _document(app)  # type: ignore[method-assign]


def _document(app: FastAPI) -> Callable[[], dict[str, Any]]:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _shared(FastAPI.openapi(app))
        return app.openapi_schema

    return openapi


def _shared(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its problems and ways to authenticate defined once."""
    document["servers"] = [{"url": "/", "description": "This service"}]
    components = document["components"]
    components["schemas"]["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = SECURITY_SCHEMES
    components["responses"] = {
        name: {
            "description": description,
            "content": PROBLEM_CONTENT,
            **({"headers": headers} if headers else {}),
        }
        for name, description, headers in PROBLEMS.values()
    }
    for name, schema in components["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            _describe(described, f"{name}.{field}", field)
    examples = read_examples()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _share_problems(operation)
            _describe_headers(operation)
            _describe_security(operation)
            for parameter in operation.get("parameters", []):
                _describe(parameter, parameter["name"])
            if example := examples.get(f"{method.upper()} {path}"):
                give_example(operation, example)
    return document


def _describe(node: dict[str, Any], *names: str) -> None:
    """Add the description of the first name that has one, unless the node has its own."""
    if "description" not in node:
        known = next((name for name in names if name in DESCRIPTIONS), None)
        if known is not None:
            node["description"] = DESCRIPTIONS[known]


def _share_problems(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if response.get("content") == PROBLEM_CONTENT:
            name = PROBLEMS[int(status)][0]
            operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}


def _describe_headers(operation: dict[str, Any]) -> None:
    for status, headers in HEADERS.items():
        if status in operation["responses"]:
            operation["responses"][status]["headers"] = headers


def _describe_security(operation: dict[str, Any]) -> None:
    """A browser's session does wherever an API key does; sign-in needs neither. Only OAuth 2 may
    list scopes as part of `security`, so they are an extension and part of the description."""
    if "security" not in operation:
        operation["security"] = []
        return
    derived = [named for one in operation["security"] for named in one.items()]
    scopes = [scope for _, some in derived for scope in some]
    others: list[dict[str, list[str]]] = [{name: []} for name, _ in derived if name != KEY]
    operation["security"] = [{KEY: []}, {COOKIE: []}, *others]
    if scopes:
        operation["x-scopes"] = scopes
        needed = " or ".join(f"`{scope}`" for scope in scopes)
        operation["description"] += f"\n\nNeeds the scope {needed}."
