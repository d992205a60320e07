"""Which differences between two OpenAPI documents break a program that uses the older one."""

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]


def breaking_changes(old: Document, new: Document) -> list[str]:
    """Removed paths, operations, parameters, schemas, fields, enum values; newly required input;
    fields of another type."""
    sent = set(_sent_schemas(new))
    return [*_operations(old, new), *_schemas(old, new, sent)]


def _operations(old: Document, new: Document) -> Iterator[str]:
    for path, methods in old["paths"].items():
        if path not in new["paths"]:
            yield f"removed path {path}"
            continue
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            if method not in new["paths"][path]:
                yield f"removed operation {name}"
            else:
                yield from _parameters(name, operation, new["paths"][path][method])


def _parameters(name: str, old: Document, new: Document) -> Iterator[str]:
    before, after = _by_name(old), _by_name(new)
    for parameter in before.keys() - after.keys():
        yield f"removed parameter {parameter} of {name}"
    for parameter, now in after.items():
        was_required = before.get(parameter, {}).get("required", False)
        if now.get("required", False) and not was_required:
            yield f"new required parameter {parameter} of {name}"
        if parameter in before:
            yield from _values(f"{parameter} of {name}", before[parameter]["schema"], now["schema"])


def _by_name(operation: Document) -> dict[str, Document]:
    return {f"{one['in']} {one['name']}": one for one in operation.get("parameters", [])}


def _schemas(old: Document, new: Document, sent: set[str]) -> Iterator[str]:
    after = new["components"]["schemas"]
    for name, before in old["components"]["schemas"].items():
        if name not in after:
            yield f"removed schema {name}"
            continue
        now = after[name]
        yield from _values(name, before, now)
        fields = now.get("properties", {})
        for field, was in before.get("properties", {}).items():
            if field not in fields:
                yield f"removed field {name}.{field}"
            else:
                yield from _values(f"{name}.{field}", was, fields[field])
        if name in sent:
            for field in set(now.get("required", ())) - set(before.get("required", ())):
                yield f"new required field {name}.{field}"


def _values(where: str, old: Document, new: Document) -> Iterator[str]:
    """Another type, or fewer of an enum's values."""
    values: list[object] = old.get("enum", [])
    if gone := set(values) - set(new.get("enum", values)):
        yield f"narrowed enum {where}: without {', '.join(sorted(map(str, gone)))}"
    if old.get("type") != new.get("type"):
        yield f"changed type of {where}: {old.get('type')} became {new.get('type')}"


def _sent_schemas(document: Document) -> Iterator[str]:
    """The names of the schemas that requests are made of."""
    waiting: list[Any] = [
        operation.get("requestBody", {})
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    seen: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name and name not in seen:
                seen.add(name)
                waiting.append(document["components"]["schemas"][name])
                yield name
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
