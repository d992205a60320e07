"""What `scripts/compatible` makes of resolutions; the resolver itself is uv."""

import subprocess

import pytest

from tests.support.scripts import load_script

compatible = load_script("compatible")


def resolver(alone, beside):
    def resolve(package, with_labelaudit):
        found = beside if with_labelaudit else alone
        if isinstance(found, str):
            raise compatible.Unresolved(found)
        return found

    return resolve


def test_the_newest_version_is_kept_though_others_are_added():
    alone = {"mlflow": "3.17.2", "httpx": "0.28.1"}
    outcome = compatible.judge("mlflow", resolver(alone, {**alone, "pydantic": "2.14.3"}))
    assert (outcome.verdict, outcome.detail, outcome.lowered) == ("kept", "3.17.2", [])
    assert compatible.exit_status([outcome]) == 0


def test_a_package_that_is_held_back_fails_and_what_else_is_lowered_is_told():
    alone = {"gradio": "6.10.0", "httpx": "1.0", "rich": "15.0"}
    beside = {"gradio": "6.9.0", "httpx": "0.28.1", "rich": "15.0"}
    outcome = compatible.judge("Gradio", resolver(alone, beside))
    assert outcome.verdict == "HELD BACK"
    assert outcome.detail == "6.10.0 -> 6.9.0"
    assert outcome.lowered == ["gradio 6.10.0 -> 6.9.0", "httpx 1.0 -> 0.28.1"]
    assert "httpx 1.0 -> 0.28.1" in str(outcome)
    assert compatible.exit_status([outcome]) == 1


def test_a_lowered_dependency_alone_does_not_fail():
    alone = {"vllm": "1.0", "pydantic": "3.0"}
    outcome = compatible.compare("vllm", alone, {"vllm": "1.0", "pydantic": "2.14"})
    assert (outcome.verdict, outcome.lowered) == ("kept", ["pydantic 3.0 -> 2.14"])
    assert compatible.exit_status([outcome]) == 0


def test_what_cannot_be_installed_together_fails():
    outcome = compatible.judge("vllm", resolver({"vllm": "1.0"}, "no solution"))
    assert outcome.verdict == "HELD BACK"
    assert "beside labelaudit: no solution" in outcome.detail


def test_what_does_not_resolve_alone_is_neither_kept_nor_held_back():
    outcome = compatible.judge("vllm", resolver("needs another platform", {}))
    assert outcome.verdict == "not told"
    assert compatible.exit_status([outcome]) == 2


def test_pins_are_read_without_markers_extras_and_comments():
    text = "Some_Name==1.0\nuvicorn[standard]==0.40 ; python_version < '4'\n# mlflow==1\n-e .\n"
    assert compatible.read_pins(text) == {"some-name": "1.0", "uvicorn": "0.40"}


def test_a_missing_uv_is_said_and_nothing_is_called_compatible(monkeypatch, capsys):
    monkeypatch.setattr(compatible, "which", lambda *_, **__: None)
    monkeypatch.setattr("sys.argv", ["compatible", "mlflow"])
    assert compatible.main() == 2
    assert "Nothing was checked: there is no uv." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "raised"),
    [
        ("error: Failed to fetch: `https://index/simple/mlflow/`", "NotAtHand"),
        ("  x No solution found when resolving dependencies", "Unresolved"),
    ],
)
def test_an_index_that_does_not_answer_is_told_from_versions_that_do_not_fit(
    monkeypatch, said, raised
):
    def run(command, **_):
        return subprocess.CompletedProcess(command, 2, stdout="", stderr=said)

    monkeypatch.setattr(compatible, "which", lambda *_, **__: "uv")
    monkeypatch.setattr(compatible.subprocess, "run", run)
    with pytest.raises(getattr(compatible, raised)):
        compatible.resolve("mlflow", True)
