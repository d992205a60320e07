"""The mutants of a file: one change each, as a piece of its text and what replaces it."""

import ast
import hashlib
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.operators import proposals

REVIEWED = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Mutant:
    """One change. `start` and `end` are byte offsets; `lines` are those of the changed statement,
    without its body; `function` is the qualified name of the innermost function, or ""."""

    path: str
    line: int
    lines: range
    function: str
    operator: str
    before: str
    after: str
    start: int
    end: int
    number: int  # among equal changes of one function

    @property
    def key(self) -> str:
        """Names the change as long as its function keeps its name, wherever it moves."""
        parts = [self.path, self.function, self.operator, self.before, self.after, self.number]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    @property
    def half(self) -> int:
        """1 or 2: tests are mended on one half and measured on the other."""
        return 1 + int(self.key, 16) % 2

    @property
    def change(self) -> str:
        return f"`{_short(self.before)}` → `{_short(self.after)}`"

    def apply(self, source: bytes) -> bytes:
        return source[: self.start] + self.after.encode() + source[self.end :]


def mutants_of(root: Path, path: str) -> Iterator[Mutant]:
    """Every mutant of the file at `path` under `root`."""
    source = (root / path).read_bytes()
    tree = ast.parse(source)
    offsets = _line_offsets(source)
    places = _places(tree)
    seen: dict[tuple[str, ...], int] = {}
    for operator, node, replacement in proposals(tree):
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = offsets[node.lineno - 1] + node.col_offset
        end = offsets[node.end_lineno - 1] + node.end_col_offset
        before = source[start:end].decode()
        after = "pass" if replacement is None else _text(node, replacement)
        function, lines = places[id(node)]
        same = (function, operator, before, after)
        seen[same] = number = seen.get(same, -1) + 1
        yield Mutant(
            path, node.lineno, lines, function, operator, before, after, start, end, number
        )


def equivalent() -> dict[str, str]:
    """The mutants that a person found to behave like the original, with the reason, by key."""
    listed = tomllib.loads(REVIEWED.read_text())
    return {entry["key"]: entry["reason"] for entry in listed.get("equivalent", [])}


def files(root: Path, sources: Sequence[str]) -> list[str]:
    """The Python files of the given files and folders, as paths below `root`."""
    found = []
    for source in sources:
        path = root / source
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return [str(path.relative_to(root)) for path in found if path.name != "__init__.py"]


def _text(node: ast.AST, replacement: ast.AST) -> str:
    text = ast.unparse(ast.fix_missing_locations(replacement))
    # Whatever the place needed in brackets still needs them, and nothing is harmed by more.
    return f"({text})" if isinstance(node, ast.expr) else text


def _line_offsets(source: bytes) -> list[int]:
    offsets = [0]
    for line in source.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    return offsets


def _places(tree: ast.Module) -> dict[int, tuple[str, range]]:
    """The innermost function and the statement's lines of every node, by its id."""
    places: dict[int, tuple[str, range]] = {}

    def visit(node: ast.AST, names: tuple[str, ...], function: str, lines: range) -> None:
        if isinstance(node, ast.stmt):
            lines = _head(node)
        places[id(node)] = function, lines
        inner = names
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = (*names, node.name)
        for field, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if not isinstance(child, ast.AST):
                    continue
                within = field == "body" and isinstance(
                    node, ast.FunctionDef | ast.AsyncFunctionDef
                )
                if within:
                    visit(child, (*inner, "<locals>"), ".".join(inner), lines)
                else:
                    visit(child, inner if field == "body" else names, function, lines)

    visit(tree, (), "", range(0))
    return places


def _head(node: ast.stmt) -> range:
    """The lines of a statement up to its body."""
    body = getattr(node, "body", None)
    last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
    return range(node.lineno, max(last, node.lineno) + 1)


def _short(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= 100 else joined[:97] + "…"
