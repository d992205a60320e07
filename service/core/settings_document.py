"""Writes the tables of docs/settings.md: `python -m service.core.settings_document`."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from service.core.config import Settings
from service.core.secret_files import PREFIX

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
BEGIN, END = "<!-- settings begin -->", "<!-- settings end -->"
SECTIONS = {  # by the first setting of each
    "data_dir": "Data and connections",
    "host": "HTTP and access",
    "oidc_issuer": "Single sign-on",
    "workers": "Workers, models and uploads",
    "upload_bucket": "Upload bucket",
    "ingest_memory_bytes": "Limits and intervals",
}
HEAD = ("| variable | default | meaning |", "|---|---|---|")
UNITS = ((2**30, "GiB"), (2**20, "MiB"))


def default_of(name: str, field: FieldInfo) -> str:
    """The default, as a reader would write it."""
    value: Any = "" if isinstance(field.default, SecretStr) else field.default
    if name.endswith("_bytes") and value:
        size, unit = next((size, unit) for size, unit in UNITS if value % size == 0)
        return f"`{value}` ({value // size} {unit})"
    if value in ("", None, [], {}):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def table() -> str:
    lines: list[str] = []
    for name, field in Settings.model_fields.items():
        if name in SECTIONS:
            lines += ["", f"## {SECTIONS[name]}", "", *HEAD]
        meaning = (field.description or "").replace("|", "\\|")
        lines.append(f"| `{PREFIX}{name.upper()}` | {default_of(name, field)} | {meaning} |")
    return "\n".join(lines).strip()


def document(text: str) -> str:
    """The document's text with the table of now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(document(DOCUMENT.read_text()))
