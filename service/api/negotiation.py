"""Refuses query parameters that a route does not have, and media types that it cannot produce."""

import difflib
from collections.abc import Iterable

from fastapi import Request
from fastapi._compat import ModelField
from fastapi.routing import APIRoute
from pydantic import BaseModel

from service.core.errors import BadInput, NotAcceptable


async def refuse_unknown_parameters(request: Request) -> None:
    """A misspelt query parameter is an error, as a misspelt field of the body is."""
    known = _query_parameters(request.scope["route"])
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise BadInput(
            f"This operation has no query parameter {unknown[0]!r}. {_advice(unknown[0], known)}",
            type="unknown-parameter",
            errors=[{"parameter": name, "detail": "unknown"} for name in unknown],
        )


def refuse_unknown_fields(fields: Iterable[str], known: frozenset[str]) -> None:
    """The same for the fields of a form."""
    unknown = [name for name in fields if name not in known]
    if unknown:
        raise BadInput(
            f"This form has no field {unknown[0]!r}. {_advice(unknown[0], known)}",
            type="unknown-parameter",
            errors=[{"pointer": f"/{name}", "detail": "unknown"} for name in unknown],
        )


async def refuse_unacceptable(request: Request) -> None:
    """406 before anything is done, if the route produces nothing that the caller accepts."""
    offered = _media_types(request.scope["route"])
    accepted = _accepted(request.headers.get("accept") or "*/*")
    if offered and all(_quality(media_type, accepted) <= 0 for media_type in offered):
        raise NotAcceptable(f"This operation answers with {' or '.join(offered)}.")


def _advice(name: str, known: frozenset[str]) -> str:
    if close := difflib.get_close_matches(name, known, n=1):
        return f"Did you mean `{close[0]}`?"
    if not known:
        return "It has none."
    return f"It has: {', '.join(sorted(known))}."


def _query_parameters(route: APIRoute) -> frozenset[str]:
    found: set[str] = set()
    dependants = [route.dependant]
    while dependants:
        dependant = dependants.pop()
        dependants += dependant.dependencies
        for field in dependant.query_params:
            found.update(_names(field))
    return frozenset(found)


def _names(field: ModelField) -> Iterable[str]:
    """Of a parameter, or of every one that a model holds."""
    annotation = field.field_info.annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.model_fields
    return (field.alias,)


def _media_types(route: APIRoute) -> tuple[str, ...]:
    """What the route answers with when it succeeds; empty for an empty body."""
    documented = [
        media_type
        for status, response in route.responses.items()
        if str(status).startswith("2")
        for media_type in response.get("content", {})
    ]
    return tuple(documented or (["application/json"] if route.response_model else []))


def _accepted(header: str) -> list[tuple[str, float]]:
    """Media ranges with their qualities, the most specific first, which decides."""
    found = []
    for part in header.split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        found.append((media_range, quality))
    return sorted(found, key=lambda item: item[0].count("*"))


def _quality(media_type: str, accepted: list[tuple[str, float]]) -> float:
    kind = media_type.partition("/")[0]
    for media_range, quality in accepted:
        if media_range in (media_type, f"{kind}/*", "*/*", "*"):
            return quality
    return 0.0
