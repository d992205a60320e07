"""The page's scripts import only files that exist, and never one another in a circle."""

import re
from graphlib import TopologicalSorter
from importlib.resources import files
from pathlib import Path

STATIC = Path(str(files("service.web") / "static"))
IMPORT = re.compile(
    r"""^(?:import|export)\s+(?:[\w*{}\s,]+\s+from\s+)?["']([^"']+)["']""", re.MULTILINE
)
LAZY_IMPORT = re.compile(r"""\bimport\(\s*["']([^"']+)["']\s*\)""")
SCRIPT = re.compile(r'(?:src|href)="/static/([\w.-]+)"')


def imports(pattern: re.Pattern[str]) -> dict[str, set[str]]:
    """What each script imports, as written: {"app.js": {"./api.js", …}}."""
    scripts = STATIC.glob("*.js")
    return {path.name: set(pattern.findall(path.read_text(encoding="utf-8"))) for path in scripts}


def test_every_imported_file_exists() -> None:
    found = {name: imports(IMPORT)[name] | lazy for name, lazy in imports(LAZY_IMPORT).items()}
    assert "./api.js" in found["app.js"]  # the patterns find something
    assert "./review.js" in found["app.js"]
    for name, targets in found.items():
        for target in targets:
            assert target.startswith("./"), f"{name} imports {target}"
            assert (STATIC / target).is_file(), f"{name} imports {target}"


def test_no_scripts_import_each_other_in_a_circle() -> None:
    graph = {
        name: {target.removeprefix("./") for target in targets}
        for name, targets in imports(IMPORT).items()
    }
    assert sum(map(len, graph.values())) > 100
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_every_script_is_reachable_from_the_page() -> None:
    graph = {name: imports(IMPORT)[name] | lazy for name, lazy in imports(LAZY_IMPORT).items()}
    shell = (STATIC.parent / "templates" / "page.html").read_text(encoding="utf-8")
    waiting = [name for name in SCRIPT.findall(shell) if name.endswith(".js")]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [target.removeprefix("./") for target in graph[name]]
    assert reached == set(graph)


def test_file_names_are_in_kebab_case() -> None:
    for path in STATIC.iterdir():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*\.(js|css|svg)", path.name), path.name
