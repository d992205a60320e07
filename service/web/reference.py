"""/docs: the API's own document as one page, without a script or anything from elsewhere."""

import re
from functools import cache
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

from service.web.routes import HEADERS

router = APIRouter(include_in_schema=False)

PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{title}: the API</title>
  <link rel="icon" href="/static/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/static/app.css">
  <link rel="stylesheet" href="/static/reference.css">
</head>
<body>
  <main id="main" class="reference">
    <h1>{title}</h1>
    {description}
    <p>For programs: <a href="/openapi.json">openapi.json</a>.</p>
    <nav aria-label="Parts">{contents}</nav>
    {parts}
    <h2 id="schemas">Schemas</h2>
    {schemas}
  </main>
</body>
</html>
"""


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    return HTMLResponse(_page(request.app), headers=HEADERS)


@cache
def _page(app: FastAPI) -> str:
    document = app.openapi()
    parts: dict[str, list[str]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    schemas = document["components"]["schemas"]
    return PAGE.format(
        title=escape(document["info"]["title"]),
        description=_text(document["info"]["description"]),
        contents=" ".join(f'<a href="#{_anchor(part)}">{escape(part)}</a>' for part in parts),
        parts="".join(
            f'<h2 id="{_anchor(part)}">{escape(part)}</h2>{"".join(found)}'
            for part, found in parts.items()
        ),
        schemas="".join(_schema(name, schemas[name]) for name in sorted(schemas)),
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        (one["name"], one["in"], _type(one["schema"]), one.get("description", ""))
        for one in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {})
    for media, content in body.get("content", {}).items():
        rows.append((media, "body", _type(content["schema"]), body.get("description", "")))
    answers = " ".join(
        f"<li><b>{escape(status)}</b> {_answer(answer)} {escape(answer['description'])}</li>"
        for status, answer in sorted(operation["responses"].items())
    )
    return (
        f"<details><summary><code><b>{method.upper()}</b> {escape(path)}</code> "
        f"{escape(operation['summary'])}</summary>{_text(operation.get('description', ''))}"
        f"{_table(('', 'in', 'is', ''), rows)}<ul>{answers}</ul></details>"
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    needed = set(schema.get("required", ()))
    rows = [
        (field, "needed" if field in needed else "", _type(one), one.get("description", ""))
        for field, one in schema.get("properties", {}).items()
    ]
    kinds = ", ".join(map(str, schema.get("enum", ())))
    return (
        f'<details id="{_anchor(name)}"><summary><code>{escape(name)}</code></summary>'
        f"{_text(schema.get('description', ''))}<p>{escape(kinds)}</p>"
        f"{_table(('', '', 'is', ''), rows)}</details>"
    )


def _answer(answer: dict[str, Any]) -> str:
    return " ".join(
        _type(content["schema"])
        for media, content in answer.get("content", {}).items()
        if content.get("schema") and media == "application/json"
    )


def _type(schema: dict[str, Any]) -> str:
    """A schema in a word, which leads to its own place where it has one; HTML."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            return f'<a href="#{_anchor(name)}">{escape(name)}</a>'
        case {"anyOf": list(several)} | {"oneOf": list(several)} | {"allOf": list(several)}:
            return " or ".join(_type(one) for one in several)
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"enum": list(values)}:
            return escape(" or ".join(map(str, values)))
        case {"const": value}:
            return escape(repr(value))
        case {"type": str(kind), "format": str(form)}:
            return escape(f"{kind} ({form})")
        case {"type": str(kind)}:
            return escape(kind)
    return "anything"


def _table(head: tuple[str, ...], rows: list[tuple[str, str, str, str]]) -> str:
    """Rows of name, place, type (HTML already) and description."""
    if not rows:
        return ""
    cells = "".join(
        f"<tr><th scope=row><code>{escape(name)}</code></th><td>{escape(place)}</td>"
        f"<td>{kind}</td><td>{_inline(said)}</td></tr>"
        for name, place, kind, said in rows
    )
    titles = "".join(f"<th scope=col>{escape(one)}</th>" for one in head)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{cells}</tbody></table>"


def _text(said: str) -> str:
    """Paragraphs and lists of the little Markdown that descriptions are written in."""
    found = []
    for block in filter(None, re.split(r"\n\s*\n", said.strip())):
        if block.startswith("* "):
            items = re.split(r"(?:^|\n)\* ", block)[1:]
            found.append("<ul>" + "".join(f"<li>{_inline(one)}</li>" for one in items) + "</ul>")
        else:
            found.append(f"<p>{_inline(block)}</p>")
    return "".join(found)


def _inline(said: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(said, quote=False))


def _anchor(name: str) -> str:
    return re.sub(r"\W+", "-", name)
