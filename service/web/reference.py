"""/docs: the OpenAPI document as one page, without scripts and without external resources."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

from service.web.reference_examples import answer_text, request_text
from service.web.routes import HEADERS
from service.web.templating import templates

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Row:
    """A parameter, a request body or a field."""

    name: str
    place: str
    schema: dict[str, Any]
    description: str


@dataclass(frozen=True)
class Answer:
    status: str
    schema: dict[str, Any] | None
    description: str


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    summary: str
    description: str
    inputs: list[Row]
    answers: list[Answer]
    request_example: str
    answer_example: str


@dataclass(frozen=True)
class Schema:
    name: str
    description: str
    values: list[Any]
    fields: list[Row]


@dataclass(frozen=True)
class Paragraph:
    """`bullets` if it is a list, else `text`."""

    text: str
    bullets: list[str]


@dataclass(frozen=True)
class TypePart:
    """Words of a type; `schema` names the schema that they link to."""

    text: str
    schema: str | None = None


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    return HTMLResponse(_page(request.app), headers=HEADERS)


@cache
def _page(app: FastAPI) -> str:
    document = app.openapi()
    operations: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tagged = operations.setdefault(operation["tags"][0], [])
            tagged.append(_operation(method, path, operation, document))
    return templates.get_template("reference.html").render(
        title=document["info"]["title"],
        description=document["info"]["description"],
        operations=operations,
        schemas=[_schema(*named) for named in sorted(document["components"]["schemas"].items())],
    )


def _operation(
    method: str, path: str, operation: dict[str, Any], document: dict[str, Any]
) -> Operation:
    inputs = [
        Row(one["name"], one["in"], one["schema"], one.get("description", ""))
        for one in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {})
    inputs += [
        Row(media, "body", content["schema"], body.get("description", ""))
        for media, content in body.get("content", {}).items()
    ]
    answers = {
        status: _resolved(answer, document) for status, answer in operation["responses"].items()
    }
    return Operation(
        method.upper(),
        path,
        operation["summary"],
        operation.get("description", ""),
        inputs,
        [_answer(status, answer) for status, answer in sorted(answers.items())],
        request_text(method, path, operation),
        answer_text(answers),
    )


def _resolved(node: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """The node itself, or what its `$ref` leads to."""
    if "$ref" not in node:
        return node
    found: Any = document
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def _answer(status: str, answer: dict[str, Any]) -> Answer:
    schema = answer.get("content", {}).get("application/json", {}).get("schema")
    return Answer(status, schema, answer["description"])


def _schema(name: str, schema: dict[str, Any]) -> Schema:
    required = set(schema.get("required", ()))
    fields = [
        Row(field, "required" if field in required else "", one, one.get("description", ""))
        for field, one in schema.get("properties", {}).items()
    ]
    return Schema(name, schema.get("description", ""), schema.get("enum", []), fields)


def _type_parts(schema: dict[str, Any]) -> Iterator[TypePart]:
    """A schema in a few words, with links to the schemas that it refers to."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            yield TypePart(name, name)
        case {"anyOf": list(several)} | {"oneOf": list(several)} | {"allOf": list(several)}:
            for number, one in enumerate(several):
                if number:
                    yield TypePart(" or ")
                yield from _type_parts(one)
        case {"type": "array", "items": items}:
            yield TypePart("list of ")
            yield from _type_parts(items)
        case {"enum": list(values)}:
            yield TypePart(" or ".join(map(str, values)))
        case {"const": value}:
            yield TypePart(repr(value))
        case {"type": str(kind), "format": str(form)}:
            yield TypePart(f"{kind} ({form})")
        case {"type": str(kind)}:
            yield TypePart(kind)
        case _:
            yield TypePart("anything")


def _paragraphs(text: str) -> Iterator[Paragraph]:
    """The paragraphs and bulleted lists of a Markdown description."""
    for block in filter(None, re.split(r"\n\s*\n", text.strip())):
        bullets = re.split(r"(?:^|\n)\* ", block)[1:] if block.startswith("* ") else []
        yield Paragraph(block, bullets)


def _code_spans(text: str) -> list[str]:
    """Plain text and `code`, alternating."""
    return re.split(r"`([^`]+)`", text)


def _anchor(name: str) -> str:
    return re.sub(r"\W+", "-", name)


templates.filters |= {
    "anchor": _anchor,
    "code_spans": _code_spans,
    "paragraphs": _paragraphs,
    "type_parts": _type_parts,
}
