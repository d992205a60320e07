"""The commands that speak to a running service."""

import json
from pathlib import Path

import httpx2
import pytest

from labelaudit import Client
from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.db.engine import Database
from tests.service.cli.conftest import Run
from tests.support.live import LiveService


def audited(run: Run, upload: Path) -> dict[str, str]:
    """The ids of a new dataset and its audit."""
    answer = json.loads(run("audit", upload, "--json", "--limit", "3").out)
    return {"dataset": answer["dataset"]["id"], "audit": answer["audit_id"]}


def test_an_audit_shows_the_noise_rate_the_tiers_and_the_worst_first(
    run: Run, probabilities_file: Path
) -> None:
    result = run("audit", probabilities_file, "--name", "my predictions", "--limit", "15")
    assert result.code == 0, result.err
    assert result.err.count("…") == 4  # uploading, reading, waiting, ranking
    for words in ("my predictions", "300 samples", "Wrong labels: about", "obvious", "possible"):
        assert words in result.out
    for sample_id in ("s000", "s020", "s040"):
        assert sample_id in result.out
    assert "/audits/au_" in result.out.splitlines()[-1]
    assert "token" not in result.out
    assert "Ranking the suspects" not in result.out  # progress belongs on stderr


def test_json_is_all_there_is_on_stdout(
    run: Run, probabilities_file: Path, wrong_ids: list[str]
) -> None:
    result = run("audit", probabilities_file, "--json", "--limit", "15")
    answer = json.loads(result.out)
    assert {one["sample_id"] for one in answer["suspects"]} == set(wrong_ids)
    assert answer["summary"]["noise_rate"]


def test_the_whole_review_can_be_done_from_the_command_line(
    run: Run, probabilities_file: Path, tmp_path: Path
) -> None:
    ids = audited(run, probabilities_file)
    listed = run("suspects", ids["audit"], "--tier", "possible", "--json").out
    assert {one["tier"] for one in json.loads(listed)} == {"possible"}

    corrected = run("correct", ids["audit"], "s000", "relabel", "fox", "--note", "a fox")
    assert "-> fox" in corrected.out
    correction_id = corrected.out.partition(":")[0]
    assert run("revert", ids["audit"], correction_id).code == 0
    assert run("correct", ids["audit"], "s000", "accept_suggestion").code == 0

    exported = run("export", ids["dataset"], "--format", "csv")
    assert exported.code == 0, exported.err
    assert (tmp_path / exported.out.strip()).stat().st_size > 0

    assert run("suspects", ids["audit"], "-o", "all.csv").code == 0
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 301
    assert "Wrong labels" in run("summary", ids["audit"]).out
    run("report", ids["audit"], "--output", tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")

    assert ids["audit"] in run("datasets").out
    assert run("delete", ids["dataset"], "--yes").code == 0
    assert ids["dataset"] not in run("datasets").out


def test_a_dataset_that_is_there_can_be_audited_again(run: Run, probabilities_file: Path) -> None:
    ids = audited(run, probabilities_file)
    again = json.loads(run("audit", ids["dataset"], "--json", "--seed", "7").out)
    assert again["dataset"]["id"] == ids["dataset"]
    assert again["audit_id"] != ids["audit"]


def test_a_rotated_key_has_a_new_token_and_the_log_tells(run: Run) -> None:
    token = run("keys", "create", "Ann").out.strip()
    key_id = token.split("_")[1]
    renewed = run("keys", "rotate", key_id).out.strip()
    assert renewed.startswith(f"la_{key_id}_")
    assert renewed != token
    log = run("access-log").out
    assert "key.rotate" in log
    assert token not in log


def test_members_of_a_dataset_are_added_shown_and_removed(
    run: Run, probabilities_file: Path
) -> None:
    dataset_id = audited(run, probabilities_file)["dataset"]
    key_id = run("keys", "create", "Mia").out.split("_")[1]
    assert "Mia" in run("members", "add", dataset_id, key_id).out
    members = json.loads(run("members", "list", dataset_id, "--json").out)
    assert [(one["id"], one["name"]) for one in members] == [(key_id, "Mia")]
    assert "Mia" not in run("members", "remove", dataset_id, key_id).out
    assert "whole organisation" in run("members", "share", dataset_id).err
    assert "whole organisation" not in run("members", "share", dataset_id, "--stop").err
    assert run("members", "list", "ds_unknown").code == 1


def test_browsers_are_listed_and_signed_out(run: Run, live: LiveService) -> None:
    headers = {"Authorization": f"Bearer {live.token}"}
    before = {one["id"] for one in json.loads(run("sessions", "list", "--json").out)}
    httpx2.post(f"{live.url}/v1/sessions", headers=headers).raise_for_status()
    (mine,) = {one["id"] for one in json.loads(run("sessions", "list", "--json").out)} - before
    assert mine in run("sessions", "list").out
    assert run("sessions", "end", mine).code == 0
    assert mine not in run("sessions", "list").out


def test_organisations_are_an_operators(
    run: Run, live: LiveService, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = run("tenants", "list")
    assert (refused.code, "tenants" in refused.err) == (1, True)
    database = Database(live.settings.resolved_database_url)
    with database.write() as session:
        _, token = create_key(session, name="the operator", role=Role.operator)
    database.dispose()
    monkeypatch.setenv("LABELAUDIT_TOKEN", token)
    made = run("tenants", "create", "North", "--admin", "Nora").out.strip()
    assert made.startswith("la_")
    assert "North" in run("tenants", "list").out
    assert made not in run("tenants", "list", "--json").out
    listed = json.loads(run("tenants", "list", "--json").out)
    tenant_id = next(one["id"] for one in listed if one["name"] == "North")
    at_work = run("tenants", "delete", tenant_id, "--yes")
    assert (at_work.code, "Suspend" in at_work.err) == (1, True)
    for command in ("suspend", "resume", "suspend"):
        assert run("tenants", command, tenant_id).code == 0
        assert ("suspended" in run("tenants", "list").out) == (command == "suspend")
    assert run("tenants", "delete", tenant_id, "--yes").code == 0
    assert "North" not in run("tenants", "list").out


def test_people_are_assigned_and_their_work_is_shown_and_reverted(
    run: Run, probabilities_file: Path
) -> None:
    audit = audited(run, probabilities_file)["audit"]
    me = json.loads(run("review", "people", audit, "--json").out)[0]
    assert "opinions: 2" in run("review", "settings", audit, "--opinions", "2").out
    set_to = run("review", "settings", audit, "--adjudicator", me["id"]).out
    assert f"opinions: 2; adjudicators: {me['name']}" in set_to

    assigned = run("review", "assign", audit, "Cats", "--to", me["id"], "--given-label", "cat")
    name = assigned.out.strip()
    assert "Cats" in run("review", "assignments", audit).out
    assert "Cats" not in run("review", "assignments", audit, "--close", name).out
    unknown = run("review", "assign", audit, "Dogs", "--to", "nobody")
    assert unknown.code == 1
    assert "nobody" in unknown.err

    run("correct", audit, "s000", "keep", "--note", "sure")
    told = json.loads(run("review", "history", audit, "s000", "--comment", "a cat", "--json").out)
    assert [said["text"] for said in told["comments"]] == ["a cat"]
    shown = run("review", "history", audit, "s000").out
    assert "keep" in shown
    assert "sure" in shown
    [line] = json.loads(run("review", "team", audit, "--json").out)
    assert line["verdicts"] == 1
    reverted = run("review", "revert", audit, told["corrections"][0]["batch_id"]).out
    assert reverted.startswith("1 reverted; batch ")
    back = run("review", "revert", audit, reverted.split()[3]).out
    assert back.startswith("1 reverted")
    assert run("review", "revert", audit, "--all-of", line["id"]).out.startswith("1 reverted")
    assert run("review", "revert", audit).code == 2


def test_keys_are_made_listed_and_revoked(run: Run) -> None:
    token = run("keys", "create", "Ann", "--role", "uploader").out.strip()
    assert token.startswith("la_")
    key_id = token.split("_")[1]
    assert key_id in run("keys", "list").out
    assert token not in run("keys", "list").out
    assert "revoked" in run("keys", "revoke", key_id).out


def test_the_menus_are_listed(run: Run) -> None:
    assert "gce" in run("objectives").out
    assert "efficientnet" in run("encoders").out
    assert run("version").out.strip().count(".") == 2


def test_a_problem_is_printed_with_its_rows_and_the_exit_code_is_1(
    run: Run, tmp_path: Path
) -> None:
    rows = ["id,text,label", *(f"{n % 20},text {n},{'ab'[n % 2]}" for n in range(40))]
    (tmp_path / "twice.csv").write_text("\n".join(rows))
    result = run("audit", "twice.csv", "--sample-id-column", "id")
    assert result.code == 1
    assert "We couldn't read this file" in result.err
    assert "row " in result.err
    assert "Traceback" not in result.err


def test_an_unknown_audit_is_an_error_of_one_line(run: Run) -> None:
    result = run("suspects", "au_nothing")
    assert result.code == 1
    assert result.err.strip() == "Not found: There is no audit 'au_nothing'."


def test_wrong_usage_exits_with_2(run: Run, probabilities_file: Path) -> None:
    assert run("correct", "au_x", "s000", "perhaps").code == 2
    assert run("correct", "au_x", "s000", "relabel").code == 2
    assert run("audit", probabilities_file, "--set", "epochs").code == 2
    assert run("start", "nowhere.csv").code == 2


def test_options_of_the_api_are_passed_on_and_checked_there(
    run: Run, probabilities_file: Path
) -> None:
    result = run("audit", probabilities_file, "--set", "objective_options.q=7")
    assert result.code == 1
    assert "q must be in [0, 1]" in result.err


def test_control_characters_of_a_dataset_never_reach_the_terminal(
    run: Run, tmp_path: Path, probabilities_file: Path
) -> None:
    result = run("audit", probabilities_file, "--name", "evil \x1b[31m[bold]name[/bold]")
    assert "\x1b" not in result.out
    assert "[bold]name[/bold]" in result.out


def test_a_labeling_configuration_is_printed_alone(
    run: Run, live: LiveService, tmp_path: Path
) -> None:
    """It is what the client returns, so that it can be piped into a file."""
    path = tmp_path / "texts.csv"
    path.write_text("label,text\n" + "".join(f"{'ab'[n % 2]},text {n}\n" for n in range(30)))
    with Client(live.url, live.token) as client:
        dataset = client.upload(path)
        expected = client.labeling_config(dataset.id)
    found = run("labeling-config", dataset.id)
    assert (found.code, found.out) == (0, expected)
    assert found.out.startswith("<View>")
    assert found.out.endswith("</View>\n")
