"""/docs: the OpenAPI document as one page, with no script and no asset from another host."""

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
    <p>OpenAPI document: <a href="/openapi.json">openapi.json</a></p>
    <nav aria-label="Sections">{contents}</nav>
    {sections}
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
    sections: dict[str, list[str]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            sections.setdefault(operation["tags"][0], []).append(
                _operation(method, path, operation)
            )
    schemas = document["components"]["schemas"]
    return PAGE.format(
        title=escape(document["info"]["title"]),
        description=_text(document["info"]["description"]),
        contents=" ".join(
            f'<a href="#{_anchor(section)}">{escape(section)}</a>' for section in sections
        ),
        sections="".join(
            f'<h2 id="{_anchor(section)}">{escape(section)}</h2>{"".join(operations)}'
            for section, operations in sections.items()
        ),
        schemas="".join(_schema(name, schemas[name]) for name in sorted(schemas)),
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        (each["name"], each["in"], _type(each["schema"]), each.get("description", ""))
        for each in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {})
    for media, content in body.get("content", {}).items():
        rows.append((media, "body", _type(content["schema"]), body.get("description", "")))
    responses = " ".join(
        f"<li><b>{escape(status)}</b> {_response(response)} {escape(response['description'])}</li>"
        for status, response in sorted(operation["responses"].items())
    )
    return (
        f"<details><summary><code><b>{method.upper()}</b> {escape(path)}</code> "
        f"{escape(operation['summary'])}</summary>{_text(operation.get('description', ''))}"
        f"{_table(('', 'in', 'type', ''), rows)}<ul>{responses}</ul></details>"
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (key, "required" if key in required else "", _type(field), field.get("description", ""))
        for key, field in schema.get("properties", {}).items()
    ]
    values = ", ".join(map(str, schema.get("enum", ())))
    return (
        f'<details id="{_anchor(name)}"><summary><code>{escape(name)}</code></summary>'
        f"{_text(schema.get('description', ''))}<p>{escape(values)}</p>"
        f"{_table(('', '', 'type', ''), rows)}</details>"
    )


def _response(response: dict[str, Any]) -> str:
    return " ".join(
        _type(content["schema"])
        for media, content in response.get("content", {}).items()
        if content.get("schema") and media == "application/json"
    )


def _type(schema: dict[str, Any]) -> str:
    """A schema as HTML in one line; a named schema links to its section."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            return f'<a href="#{_anchor(name)}">{escape(name)}</a>'
        case {"anyOf": list(options)} | {"oneOf": list(options)} | {"allOf": list(options)}:
            return " or ".join(map(_type, options))
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"enum": list(values)}:
            return escape(" or ".join(map(str, values)))
        case {"const": value}:
            return escape(repr(value))
        case {"type": str(kind), "format": str(format_)}:
            return escape(f"{kind} ({format_})")
        case {"type": str(kind)}:
            return escape(kind)
    return "anything"


def _table(head: tuple[str, ...], rows: list[tuple[str, str, str, str]]) -> str:
    """Rows of name, place, type (as HTML) and description."""
    if not rows:
        return ""
    cells = "".join(
        f"<tr><th scope=row><code>{escape(name)}</code></th><td>{escape(place)}</td>"
        f"<td>{kind}</td><td>{_inline(description)}</td></tr>"
        for name, place, kind, description in rows
    )
    titles = "".join(f"<th scope=col>{escape(title)}</th>" for title in head)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{cells}</tbody></table>"


def _text(markdown: str) -> str:
    """The Markdown of descriptions as HTML: paragraphs, lists and code."""
    html = []
    for block in filter(None, re.split(r"\n\s*\n", markdown.strip())):
        if block.startswith("* "):
            items = re.split(r"(?:^|\n)\* ", block)[1:]
            html.append("<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ul>")
        else:
            html.append(f"<p>{_inline(block)}</p>")
    return "".join(html)


def _inline(markdown: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(markdown, quote=False))


def _anchor(name: str) -> str:
    return re.sub(r"\W+", "-", name)
