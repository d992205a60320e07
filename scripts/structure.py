"""Measures how the code is layered, as a table, and draws it.

    scripts/structure                      the table of this working tree
    scripts/structure --at REV             the same beside an older commit
    scripts/structure --svg FILE           draw the layers and their imports
    scripts/structure --at REV --write     both, into docs: lab/structure.md, architecture.svg

A "part" is a folder or a module that lies directly in a package.
"""

import argparse
import ast
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import grimp
from structure_svg import draw

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "lab" / "structure.md"
PICTURE = ROOT / "docs" / "architecture.svg"
BEGIN, END = "<!-- structure: begin -->", "<!-- structure: end -->"

PACKAGES = ("labelaudit", "service", "worker")
TOP_MODULES = {"__init__", "__main__", "celery"}  # may lie directly in a package
SCRIPTS = "service/web/static"
SCRIPT_IMPORT = re.compile(
    r"""^\s*(?:import|export)\b[^;"']*["'](\.[^"']+)["']|\bimport\(\s*["'](\.[^"']+)["']""",
    re.MULTILINE,
)
CODE = ("labelaudit", "service", "worker", "migrations", "tests", "benchmarks", "scripts")
CODE_KINDS = {".py", ".js", ".css", ".html", ".svg", ""}
NOT_COUNTED = {"structure.py", "licences.md", "node_modules"}

# What used to be said -> what is said now. Regular expressions over whole identifiers and words.
WORDS = {
    r"[Ss]teps?(?:Kind|Status|Lost)?|step_\w+": "job",
    r"robust_model\w*|[Rr]obust models?": "classifier",
    r"[Ii]nlets?\w*": "upload bucket",
    r"[Jj]anitor": "cleanup",
    r"[Dd]oorbells?|rung": "notify",
    r"[Gg]lances?|take_turns|exclusively": "autocommit, advisory lock",
    r"Hold": "JobLease",
    r"Postponed|postponed?": "Deferred",
    r"Prepared|prepared|Recent": "cached statement, LRU cache",
    r"[Tt]ypicals?|\w+_typical": "class profile",
    r"[Ss]tory|[Ss]tories": "sample history",
    r"let_go|give_up|gave_up": "delete leases",
    r"[Ss]ettled?_?\w*": "save, sync",
    r"trust|held_back|borne_out|heard": "obvious share, cap, shrink",
    r"[Ff]oundations?|luck": "rate certainty, binomial lower bound",
    r"deal(?:t)?_out|bring_to": "holdout masks, load_state_dict",
    r"[Tt]runks?\w*|finetuned": "backbone, fine_tuned",
    r"desk|tally|ending|pieces|elsewhere|patience": "review session, counters, retry, sign-in",
    r"news|calm|uses": "event poller, process tuning, last used",
    r"[Vv]erified?_whole|[Mm]end(?:s|ed|ing)?": "fix",
}


# ------------------------------------------------------------------------------------------ graphs


def import_graph(root: Path, packages: Iterable[str]) -> grimp.ImportGraph:
    """Which module imports which, without the imports that the contracts allow by name."""
    sys.path.insert(0, str(root))
    graph = grimp.build_graph(*packages, cache_dir=None)
    for importer, imported in ignored_imports(root):
        if {importer, imported} <= graph.modules:
            graph.remove_import(importer=importer, imported=imported)
    return graph


def components(graph: dict[str, set[str]]) -> list[set[str]]:
    """Strongly connected components with more than one node, largest first (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            cut = stack.index(node)
            found.append(set(stack[cut:]))
            del stack[cut:]

    sys.setrecursionlimit(10_000)
    for node in sorted(graph):
        if node not in index:
            visit(node)
    return sorted((one for one in found if len(one) > 1), key=len, reverse=True)


def file_graph(graph: grimp.ImportGraph, package: str) -> dict[str, set[str]]:
    return {
        module: graph.find_modules_directly_imported_by(module)
        for module in graph.modules
        if module == package or module.startswith(f"{package}.")
    }


def part_graph(graph: grimp.ImportGraph, package: str) -> dict[str, set[str]]:
    """Which parts of the package import which."""
    parts: dict[str, set[str]] = {child: set() for child in graph.find_children(package)}

    def part_of(module: str) -> str:
        return ".".join(module.split(".")[:2])

    for module, imported in file_graph(graph, package).items():
        for other in imported:
            if {part_of(module), part_of(other)} <= parts.keys() and part_of(module) != part_of(
                other
            ):
                parts[part_of(module)].add(part_of(other))
    return parts


def script_graph(root: Path) -> dict[str, set[str]]:
    """Which of the page's scripts import which."""
    graph = {}
    for path in sorted((root / SCRIPTS).rglob("*.js")):
        found = (first or second for first, second in SCRIPT_IMPORT.findall(path.read_text()))
        graph[str(path.resolve())] = {str((path.parent / name).resolve()) for name in found}
    return graph


# ------------------------------------------------------------------------------------- the measures


def layer_contracts(root: Path) -> dict[str, list[list[str]]]:
    """The layers that import-linter enforces in each package, top to bottom."""
    tool = tomllib.loads((root / "pyproject.toml").read_text())["tool"]
    found = {}
    for contract in tool.get("importlinter", {}).get("contracts", ()):
        if contract["type"] == "layers" and "containers" in contract:
            layers = [re.split(r"\s*[|:]\s*", layer.strip("()")) for layer in contract["layers"]]
            found.update(dict.fromkeys(contract["containers"], layers))
    return found


def ignored_imports(root: Path) -> set[tuple[str, str]]:
    """Imports that a contract names as exceptions."""
    tool = tomllib.loads((root / "pyproject.toml").read_text())["tool"]
    return {
        (importer, imported)
        for contract in tool.get("importlinter", {}).get("contracts", ())
        for line in contract.get("ignore_imports", ())
        for importer, _, imported in [line.partition(" -> ")]
    }


def upward_imports(parts: dict[str, set[str]], package: str, layers: list[list[str]]) -> list[str]:
    """Imports between parts that run from a layer to one that is not below it."""
    depth = {f"{package}.{name}": row for row, names in enumerate(layers) for name in names}
    return sorted(
        f"{part} -> {other}"
        for part, imported in parts.items()
        for other in imported
        if part in depth and other in depth and depth[other] <= depth[part]
    )


def lines_of(paths: Iterable[Path]) -> int:
    return sum(len(path.read_text().splitlines()) for path in paths)


def import_statements(paths: Iterable[Path]) -> int:
    """Lines that import something, counted as statements."""
    return sum(
        isinstance(node, ast.Import | ast.ImportFrom)
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
    )


def import_seconds(root: Path, module: str, *, runs: int = 5) -> float:
    """Processor seconds of the quickest of a few fresh imports."""

    def once(code: str) -> float:
        timed = f"import time; t = time.process_time(); {code}; print(time.process_time() - t)"
        command = [sys.executable, "-c", timed]
        done = subprocess.run(
            command, cwd=root, env=environment(root), capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    return min(once(f"import {module}") for _ in range(runs))


def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": ""}


def texts(root: Path) -> Iterator[tuple[str, str]]:
    """("code" or "docs", text) of every file in which words are counted."""
    for top in CODE:
        for path in sorted((root / top).rglob("*")):
            if path.is_file() and path.suffix in CODE_KINDS and not NOT_COUNTED & set(path.parts):
                yield "code", path.read_text()
    for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        if path.is_file() and path.name not in NOT_COUNTED:
            yield "docs", path.read_text()


def words_left(root: Path) -> dict[str, dict[str, int]]:
    patterns = {word: re.compile(rf"\b(?:{word})\b") for word in WORDS}
    counts = {word: {"code": 0, "docs": 0} for word in WORDS}
    for place, text in texts(root):
        for word, pattern in patterns.items():
            counts[word][place] += len(pattern.findall(text))
    return counts


def measure(root: Path) -> dict[str, str]:
    """Every line of the table, by its name."""
    present = [name for name in PACKAGES if (root / name / "__init__.py").is_file()]
    graph = import_graph(root, present)
    layers = layer_contracts(root)
    table: dict[str, str] = {}
    for package in PACKAGES:
        if package not in present:
            continue
        files = sorted((root / package).rglob("*.py"))
        parts = part_graph(graph, package)
        largest = max(map(len, components(parts)), default=0)
        circles = components(file_graph(graph, package))
        loose = [
            path.stem for path in (root / package).glob("*.py") if path.stem not in TOP_MODULES
        ]
        cuts = graph.nominate_cycle_breakers(package)
        table[f"`{package}`: lines of Python"] = f"{lines_of(files):,}"
        table[f"`{package}`: parts (folders, loose modules)"] = f"{len(parts)} ({len(loose)} loose)"
        table[f"`{package}`: imports between parts"] = str(sum(map(len, parts.values())))
        table[f"`{package}`: parts in the largest circle"] = str(largest)
        table[f"`{package}`: imports to remove until no circle is left"] = str(len(cuts))
        table[f"`{package}`: circles of files"] = str(len(circles))
        table[f"`{package}`: imports against the layers"] = (
            str(len(upward_imports(parts, package, layers[package])))
            if package in layers
            else "no layers"
        )
    python = [path for name in present for path in (root / name).rglob("*.py")]
    table["import statements"] = f"{import_statements(python):,}"
    scripts = script_graph(root)
    table["page: scripts"] = str(len(scripts))
    table["page: lines of JavaScript"] = f"{lines_of(map(Path, scripts)):,}"
    table["page: circles of scripts"] = str(len(components(scripts)))
    client = "labelaudit" if "labelaudit" in present else "service.client"
    table["import time of the Python client (processor)"] = f"{import_seconds(root, client):.2f} s"
    left = words_left(root)
    for place in ("code", "docs"):
        table[f"replaced words left in {place}"] = str(sum(one[place] for one in left.values()))
    return table


def measure_commit(revision: str) -> dict[str, str]:
    """The same of an older commit, unpacked into a temporary folder."""
    packed = subprocess.run(
        ["git", "archive", revision], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        command = [sys.executable, __file__, "--root", folder, "--json"]
        done = subprocess.run(
            command, cwd=folder, env=environment(Path(folder)), capture_output=True, check=True
        )
    measured: dict[str, str] = json.loads(done.stdout)
    return measured


# ------------------------------------------------------------------------------------------ output


def markdown(columns: dict[str, dict[str, str]]) -> str:
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    package = {name: order for order, name in enumerate(PACKAGES)}
    names.sort(key=lambda name: package.get(name.partition(":")[0].strip("`"), len(package)))
    lines = [f"| | {' | '.join(columns)} |", f"|---{'|---:' * len(columns)}|"]
    for name in names:
        cells = [column.get(name, "none") for column in columns.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def words_table(root: Path) -> str:
    lines = ["| replaced | by | left in code | left in docs |", "|---|---|---:|---:|"]
    for word, count in words_left(root).items():
        lines.append(
            f"| `{word.replace('|', chr(92) + '|')}` | {WORDS[word]} "
            f"| {count['code']} | {count['docs']} |"
        )
    return "\n".join(lines)


def draw_picture(path: Path) -> None:
    graph = import_graph(ROOT, PACKAGES)
    layers = layer_contracts(ROOT)
    panels = {
        package: (layers[package], part_graph(graph, package))
        for package in ("worker", "service", "labelaudit")
    }
    path.write_text(draw(panels))


def write_document(table: str) -> None:
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--at", metavar="REV", help="compare with this commit")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the layers instead")
    parser.add_argument("--words", action="store_true", help="each replaced word with its counts")
    parser.add_argument(
        "--write",
        action="store_true",
        help="update the documents",
    )
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.svg:
        draw_picture(options.svg)
        return
    if options.words:
        print(words_table(options.root))
        return
    if options.json:
        print(json.dumps(measure(options.root)))
        return
    columns = {f"`{options.at}`": measure_commit(options.at)} if options.at else {}
    table = markdown({**columns, "now": measure(ROOT)})
    print(table)
    if options.write:
        write_document(table)
        draw_picture(PICTURE)


if __name__ == "__main__":
    main()
