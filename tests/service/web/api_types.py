"""The API's schemas as TypeScript types, against which the page's scripts are checked.

python -m tests.service.web.api_types    # write scripts/api.d.ts anew
"""

from pathlib import Path
from typing import Any

from service.api.app import create_app

FILE = Path(__file__).parent / "scripts" / "api.d.ts"
HEAD = "// Generated from the OpenAPI document: python -m tests.service.web.api_types\n\n"
PRIMITIVES = {
    "boolean": "boolean",
    "integer": "number",
    "null": "null",
    "number": "number",
    "string": "string",
}


def api_types() -> str:
    schemas = create_app().openapi()["components"]["schemas"]
    types = "\n".join(f"  type {name} = {_type(schemas[name])};" for name in sorted(schemas))
    return f"{HEAD}declare namespace Api {{\n{types}\n}}\n"


def _type(schema: dict[str, Any]) -> str:
    match schema:
        case {"$ref": str(reference)}:
            return reference.rpartition("/")[2]
        case {"anyOf": list(several)} | {"oneOf": list(several)} | {"allOf": list(several)}:
            return " | ".join(dict.fromkeys(map(_type, several)))
        case {"enum": list(values)}:
            return " | ".join(f'"{value}"' for value in values)
        case {"const": value}:
            return f'"{value}"'
        case {"type": "array", "items": dict(items)}:
            return f"Array<{_type(items)}>"
        case {"properties": dict(properties)}:
            fields = (f"    {name}: {_type(field)};" for name, field in properties.items())
            return "\n".join(["{", *fields, "  }"])
        case {"additionalProperties": dict(values)}:
            return f"Record<string, {_type(values)}>"
        case {"type": "object"}:
            return "Record<string, any>"
        case {"type": str(kind)} if kind in PRIMITIVES:
            return PRIMITIVES[kind]
    return "any"


if __name__ == "__main__":
    FILE.write_text(api_types(), encoding="utf-8")
