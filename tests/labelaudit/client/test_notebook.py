"""What a notebook and a terminal show of datasets, audits and suspects."""

import io
import sys
from types import ModuleType
from typing import Any

import httpx
import pandas as pd
import pytest

from labelaudit import ApiError, Audit, Client, Dataset
from labelaudit.client import html, suspects, waiting
from labelaudit.client.transport import Transport
from labelaudit.client.waiting import Progress, shown
from labelaudit.enums import JobStatus, JobType
from labelaudit.schemas import SuspectRead

TRAINING = Progress(status=JobStatus.running, job=JobType.train, progress=0.42, eta_seconds=63.0)


class Answers(Transport):
    """A service that has these answers, by path."""

    def __init__(self, **answers):
        self.answers = answers

    def get(self, path, **_params):
        name = path.rsplit("/", 1)[-1]
        return self.answers[name]


def test_an_audit_shows_its_figures_and_its_worst_suspects(audited: Audit, client: Client):
    page = audited._repr_html_()
    assert audited.id in page
    assert "wrong labels" in page
    assert page.count("<tr>") > 5
    assert repr(audited.suspects(tier="obvious", limit=3)) == (
        f"Suspects({audited.id!r}, tier='obvious', limit=3)"
    )
    dataset = client.dataset(audited.read().dataset_id)
    assert repr(dataset) == f"Dataset({dataset.id!r}, 'predictions.npz', completed, 300 samples)"
    assert "cat, dog, fox" in dataset._repr_html_()
    assert [one.sample_id for one in dataset.samples(limit=2)] == ["s000", "s001"]

    worst = audited.suspects(limit=4)
    table = worst.to_pandas()
    assert list(table.columns) == list(SuspectRead.model_fields)
    assert table["rank"].tolist() == [1, 2, 3, 4]
    assert next(worst).rank == 1
    assert next(worst).rank == 2
    assert [one.rank for one in worst] == [1, 2, 3, 4]  # a loop begins anew


def test_a_picture_is_asked_for_small_and_named_if_it_cannot_be_read():
    class Pictures(Answers):
        def request(self, method, path, **options):
            assert (method, options["params"]) == ("GET", {"size": 64})
            if path == "/broken":
                raise ApiError({"title": "Unreadable"})
            return httpx.Response(200, content=b"a picture")

    shown = html.sample(Pictures(), {"file": "a.png"}, "/media")
    assert shown == '<img alt="" src="data:image/png;base64,YSBwaWN0dXJl">'
    assert html.sample(Pictures(), {"file": "<a>.png"}, "/broken") == "&lt;a&gt;.png"


def test_everything_from_a_dataset_is_escaped():
    evil = "<script>alert(1)</script>"
    read = {
        "id": "ds_1",
        "name": evil,
        "filename": evil,
        "status": "completed",
        "kind": "text",
        "format": "csv",
        "bytes": 1,
        "sha256": "",
        "version": 0,
        "sample_count": 1,
        "labeled_count": 1,
        "class_names": [evil],
        "columns": None,
        "warnings": [evil],
        "shared": True,
        "problem": None,
        "description": "",
        "guidelines": "",
        "created_by": {"id": None, "name": evil},
        "created_at": "2026-01-01T00:00:00Z",
    }
    sample = {
        "sample_id": evil,
        "position": 0,
        "given_label": evil,
        "corrected_label": evil,
        "verdict": None,
        "content": {"text": evil},
        "media_url": None,
    }
    answers = Answers(samples={"items": [sample], "next_cursor": None})
    page = Dataset.of(answers, read)._repr_html_()
    assert page.count("&lt;script&gt;") == 7
    assert "<script" not in page
    row = html.sample(answers, {"row": {evil: evil}}, None)
    assert "<script" not in row
    assert "<script" not in html.sample(answers, {"file": evil}, None)
    assert "<script" not in html.table([evil], [[evil]])


def test_a_long_text_is_shortened():
    assert len(html.sample(Answers(), {"text": "x" * 1000}, None)) == html.MAX_TEXT


def test_pandas_is_asked_for_by_name_where_it_is_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    listed = suspects.Suspects(Answers(), "au_1", limit=None, filters={})
    with pytest.raises(ImportError, match="pip install pandas"):
        listed.to_pandas()


def test_no_suspects_are_a_table_with_columns():
    answers = Answers(suspects={"items": [], "next_cursor": None})
    table = suspects.Suspects(answers, "au_1", limit=None, filters={}).to_pandas()
    assert isinstance(table, pd.DataFrame)
    assert "p_wrong" in table.columns


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watched(monkeypatch):
    """A terminal in place of stderr."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_a_terminal_without_tqdm_shows_one_line_that_is_rewritten(monkeypatch):
    terminal = watched(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with shown(quiet=False) as report:
        report(TRAINING)
        report(TRAINING.model_copy(update={"progress": 1.0, "eta_seconds": None}))
    written = terminal.getvalue()
    assert "\n" not in written
    lines = [line.rstrip() for line in written.split("\r") if line.strip()]
    assert lines == ["Training the models 42%, 1 min 03 s left", "Training the models 100%"]
    assert written.endswith(" \r")  # nothing of it stays


def test_tqdm_shows_the_bar_where_it_is_installed(monkeypatch):
    pytest.importorskip("tqdm")
    terminal = watched(monkeypatch)
    with shown(quiet=False) as report:
        report(TRAINING)
    assert "Training the models  42% |" in terminal.getvalue()


def test_nothing_is_shown_to_nobody_or_on_request(monkeypatch):
    terminal = watched(monkeypatch)
    with shown(quiet=True) as report:
        report(TRAINING)
    assert terminal.getvalue() == ""
    piped = io.StringIO()
    monkeypatch.setattr(sys, "stderr", piped)
    with shown(quiet=False) as report:
        report(TRAINING)
    assert piped.getvalue() == ""


def test_a_notebook_is_known_by_its_shell(monkeypatch):
    ipython: Any = ModuleType("IPython")
    ipython.get_ipython = type("ZMQInteractiveShell", (), {})
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert waiting.in_notebook()
    ipython.get_ipython = lambda: None
    assert not waiting.in_notebook()
