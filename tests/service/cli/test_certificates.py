"""Certificates from the command line."""

import json
from pathlib import Path

import pytest
import typer

from tests.service.cli.conftest import Run
from tests.service.cli.test_commands import audited


def test_a_certificate_is_opened_judged_and_shown(
    run: Run, probabilities_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = audited(run, probabilities_file)["audit"]
    opened = run("certificate", "open", audit, "--goal", "label_wrong", "--json")
    certificate = json.loads(opened.out)["id"]
    again = json.loads(run("certificate", "open", audit, "--goal", "label_wrong", "--json").out)
    assert again["id"] == certificate

    answers = iter(["keep", "fox", "skip", ""])
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: next(answers))
    judged = run("certificate", "judge", audit, certificate)
    assert judged.code == 0, judged.err
    assert f"{certificate}: 3 judged" in judged.out
    assert "at 90%: nothing yet" in run("certificate", "show", audit, certificate).out
    assert certificate in run("certificate", "list", audit).out

    refused = run("certificate", "apply", audit, certificate, "--level", "0.9")
    assert (refused.code, "Nothing is certified at 90%" in refused.err) == (1, True)
    assert run("certificate", "revert", audit, certificate).code == 1  # nothing was fixed
    assert run("certificate", "open", audit, "--level", "0.7").code == 1
