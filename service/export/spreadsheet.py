"""CSV cells that a spreadsheet would run as a formula."""

import re

# A plain number may begin with a sign; anything else that does could call a function.
RISKY = re.compile(r"[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def escape(cell: str) -> str:
    """The cell with a leading quote if it could be run (OWASP, CSV injection)."""
    if RISKY.match(cell) and not NUMBER.fullmatch(cell):
        return "'" + cell
    return cell
