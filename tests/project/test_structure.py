"""`scripts/structure` measures what it says."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def structure() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        spec = importlib.util.spec_from_file_location("structure", SCRIPTS / "structure.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "structure", module)
        spec.loader.exec_module(module)
    return module


def test_circles_are_found_largest_first(structure):
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
    assert structure.components(graph) == [{"a", "b", "c"}, {"d", "e"}]
    assert structure.components({"a": {"b"}, "b": set()}) == []


def test_an_import_of_the_same_or_a_higher_layer_runs_upward(structure):
    parts = {"p.api": {"p.core"}, "p.core": {"p.api"}, "p.left": {"p.right"}}
    layers = [["api"], ["left", "right"], ["core"]]
    assert structure.upward_imports(parts, "p", layers) == [
        "p.core -> p.api",
        "p.left -> p.right",
    ]


def test_imports_of_the_page_are_read_in_every_form(structure, tmp_path):
    static = tmp_path / structure.SCRIPTS
    (static / "parts").mkdir(parents=True)
    (static / "a.js").write_text(
        'import { b,\n  c } from "./b.js";\nimport "./parts/d.js";\n'
        'export { e } from "./e.js";\nconst load = () => import("./f.js");\n'
        'const words = "import nothing from here";\n'
    )
    (static / "parts" / "d.js").write_text('import a from "../a.js";\n')
    graph = structure.script_graph(tmp_path)
    names = {Path(name).name for name in graph[str(static / "a.js")]}
    assert names == {"b.js", "d.js", "e.js", "f.js"}
    assert [{Path(name).name for name in one} for one in structure.components(graph)] == [
        {"a.js", "d.js"}
    ]


def test_layers_are_read_from_the_contracts(structure):
    layers = structure.layer_contracts(structure.ROOT)
    assert set(layers) == set(structure.PACKAGES)
    assert layers["service"][-1] == ["core"]


def test_implied_imports_are_not_drawn(structure):
    svg = sys.modules["structure_svg"]
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert svg.without_implied(graph) == {"a": {"b"}, "b": {"c"}, "c": set()}
