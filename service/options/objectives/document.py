"""Writes the table of docs/objectives.md: `python -m service.options.objectives.document`."""

import re
from pathlib import Path

from service.options.objectives.option import Option, OptionValue
from service.options.objectives.registry import OBJECTIVES

DOCUMENT = Path("docs/objectives.md")
BEGIN, END = "<!-- menu begin -->", "<!-- menu end -->"


def menu() -> str:
    """Every objective with its paper and its options, as a Markdown table."""
    lines = ["| objective | paper | options and their defaults; * = ours, not the paper's |"]
    lines.append("|---|---|---|")
    for spec in OBJECTIVES.values():
        paper = re.sub(r"https?://\S*[^\s,;.]", r"<\g<0>>", spec.paper).replace("|", r"\|")
        options = ", ".join(map(_option, spec.options)) or "–"
        lines.append(f"| `{spec.name}` | {paper} | {options} |")
    return "\n".join(lines)


def with_menu(text: str) -> str:
    """The document with the menu between its two markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{menu()}\n\n{END}{after}"


def _option(option: Option) -> str:
    return f"{option.name} {_value(option.default)}{'*' if option.origin == 'ours' else ''}"


def _value(value: OptionValue) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
    return str(value)


if __name__ == "__main__":
    DOCUMENT.write_text(with_menu(DOCUMENT.read_text()))
