"""What the quickstarts, the tutorial and the guide of the API tell a reader to do works."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import ROOT, record_requests, run_blocks, shows
from tests.support.live import LiveService, live
from worker.estimator import engine

__all__ = ["live"]

DOCS = ROOT / "docs"
NUMERALS = {"Eight": 8, "Nine": 9, "Ten": 10, "Eleven": 11}
KINDS = sorted(path.stem for path in (DOCS / "quickstart").glob("[a-z]*.md"))


def test_a_promised_output_may_leave_lines_and_numbers_open():
    printed = "Digits 400 samples\nobvious 3 samples\n#  sample\n1  a.png  fox\nReview at au_12\n"
    assert shows("Digits 398 samples\n…\n#  sample\n2  b.png  cat\nReview at au_…\n", printed)
    assert shows("Digits 398 …\n", printed)
    assert not shows("Texts 400 samples\n…\nReview at au_…\n", printed)
    assert not shows("Digits 400 samples\nReview at au_…\n", printed)


@pytest.mark.slow  # a real audit each: that it runs as printed is what is tested
@pytest.mark.parametrize("kind", KINDS)
def test_a_quickstart_runs_as_printed(kind: str, live: LiveService, tmp_path: Path) -> None:
    run_blocks(DOCS / "quickstart" / f"{kind}.md", tmp_path, live.url, live.token)
    finish = run_blocks(DOCS / "quickstart" / "README.md", tmp_path, live.url, live.token)
    assert finish.startswith("Saved ")
    assert Path(tmp_path, finish.split()[1]).exists()


@pytest.mark.slow  # a real audit
@pytest.mark.filterwarnings("ignore")  # cleanlab's own
def test_the_notebook_runs_cell_by_cell(live: LiveService, capsys, monkeypatch) -> None:
    monkeypatch.setattr(engine, "_address", lambda: (live.url, live.token))
    cells = json.loads((DOCS / "quickstart" / "notebook.ipynb").read_text())["cells"]
    namespace: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec(compile("".join(cell["source"]), cell["id"], "exec"), namespace)
    found, of_model, of_cleanlab = capsys.readouterr().out.splitlines()
    assert int(found.split()[0]) >= 18
    assert float(of_model.split()[-1]) > 0.97
    assert float(of_cleanlab.split()[-1]) > 0.97


@pytest.mark.slow
def test_the_tutorial_runs_as_printed(live: LiveService, tmp_path: Path) -> None:
    run_blocks(DOCS / "tutorial.md", tmp_path, live.url, live.token)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_the_guide_of_the_api_runs_as_printed(live: LiveService, tmp_path: Path) -> None:
    guide = DOCS / "api-guide.md"
    recorded = record_requests(tmp_path, str(shutil.which("curl")))
    run_blocks(guide, tmp_path, live.url, live.token)
    promised = re.search(r"(\w+) requests take you", guide.read_text())
    assert promised is not None
    # the same request again, until the work is done, counts once
    assert len(set(recorded.read_text().splitlines())) == NUMERALS[promised[1]]
