"""The client against the real application with a real worker."""

import csv
import threading
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from labelaudit import ApiError, Audit, Client, JobFailedError, ServiceUnreachableError
from labelaudit.client import audit as audit_module
from labelaudit.client import suspects as suspects_module
from labelaudit.client import transport as transport_module
from labelaudit.client.session_file import (
    Address,
    find_address,
    read_address,
    write_address,
)
from labelaudit.enums import JobStatus, Role, Tier
from labelaudit.schemas import CorrectionCreate
from tests.support.live import LiveService, free_port


def test_an_upload_becomes_a_ranked_list_with_the_wrong_labels_first(
    audited: Audit, wrong_ids: list[str]
) -> None:
    first = [one.sample_id for one in audited.suspects(limit=len(wrong_ids))]
    assert set(first) == set(wrong_ids)
    summary = audited.summary()
    low, high = summary.noise_rate.low, summary.noise_rate.high
    assert low is not None
    assert high is not None
    assert low <= len(wrong_ids) / 300 <= high


def test_the_pages_of_a_list_join_without_gaps_or_repeats(
    audited: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspects_module, "PAGE", 7)
    ranks = [one.rank for one in audited.suspects(limit=40)]
    assert ranks == list(range(1, 41))
    assert len(list(audited.suspects())) == 300


def test_suspects_can_be_asked_for_by_tier_and_by_label(audited: Audit) -> None:
    found = list(audited.suspects(tier=[Tier.obvious, Tier.possible], given_label="cat"))
    assert found
    assert {one.given_label for one in found} == {"cat"}
    assert Tier.none not in {one.tier for one in found}


def test_waiting_tells_progress_up_to_the_end(client: Client, probabilities_file: Path) -> None:
    handle = client.audit(client.upload(probabilities_file).id)
    told: list[float] = []
    audit = handle.wait(lambda progress: told.append(progress.progress), timeout=60)
    assert audit.status is JobStatus.completed
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_waiting_survives_a_restart_of_the_service(
    live: LiveService, client: Client, probabilities_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "POLL_SECONDS", 0.1)
    handle = client.audit(client.upload(probabilities_file).id)
    live.stop()
    restart = threading.Timer(0.8, live.start)
    restart.start()
    try:
        assert handle.wait(timeout=60).status is JobStatus.completed
    finally:
        restart.join()


def test_a_progress_stream_is_taken_up_behind_the_last_event_seen(
    audited: Audit,
) -> None:
    events = list(audited._events(0, float("inf")))
    assert [number for number, _ in events] == list(range(1, len(events) + 1))
    assert list(audited._events(len(events) - 1, float("inf"))) == events[-1:]


def test_waiting_ends_at_its_timeout(client: Client, probabilities_file: Path) -> None:
    handle = client.audit(client.upload(probabilities_file).id)
    with pytest.raises(TimeoutError, match=handle.id):
        handle.wait(timeout=0.0)
    handle.wait(timeout=60)


def test_waiting_for_a_cancelled_audit_says_so(
    client: Client, probabilities_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = client.audit(client.upload(probabilities_file).id)
    cancelled = handle.read().model_copy(update={"status": JobStatus.cancelled})
    monkeypatch.setattr(handle, "read", lambda: cancelled)
    with pytest.raises(JobFailedError, match="cancelled"):
        handle.wait(timeout=60)


def test_a_rejected_upload_names_the_rows_to_mend(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    with path.open("w", newline="") as file:
        rows: list[list[object]] = [
            ["id", "text", "label"],
            *([1 + n % 20, f"t{n}", "ab"[n % 2]] for n in range(40)),
        ]
        csv.writer(file).writerows(rows)
    with pytest.raises(JobFailedError) as caught:
        client.upload(path, sample_id_column="id")
    assert caught.value.errors[0]["row"]
    assert f"row {caught.value.errors[0]['row']}" in str(caught.value)


def test_a_refused_upload_is_an_api_error_with_its_problem(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.touch()
    with pytest.raises(ApiError, match="empty") as caught:
        client.upload(path)
    assert caught.value.status == 422


def test_uploads_report_how_much_was_sent(client: Client, probabilities_file: Path) -> None:
    told: list[tuple[int, int]] = []
    client.upload(probabilities_file, on_bytes=lambda sent, size: told.append((sent, size)))
    size = probabilities_file.stat().st_size
    assert told[-1] == (size, size)


def test_the_columns_that_are_named_are_used(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    with path.open("w", newline="") as file:
        rows: list[list[object]] = [
            ["what", "kind", "label"],
            *([f"text {n}", "ab"[n % 2], n] for n in range(40)),
        ]
        csv.writer(file).writerows(rows)
    dataset = client.upload(path, name="mine", label_column="kind", text_column="what")
    assert (dataset.name, dataset.class_names, dataset.kind) == ("mine", ["a", "b"], "text")


def test_a_correction_is_stored_once_however_often_it_is_sent(
    audited: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "KEYED_RETRY_DELAYS", (0.0, 0.0, 0.0))
    http = audited._transport._http
    answers: list[Any] = [httpx.ReadError("cut"), httpx.Response(503), None]
    really = http.request

    def unreliable(method: str, path: str, **options: Any) -> httpx.Response:
        response = really(method, path, **options)  # it arrives, but the answer is lost
        match answers.pop(0):
            case httpx.TransportError() as error:
                raise error
            case httpx.Response() as busy:
                return busy
        return response

    monkeypatch.setattr(http, "request", unreliable)
    suspect = "s000"
    correction = audited.correct(suspect, "accept_suggestion")
    monkeypatch.undo()
    assert answers == []
    assert [one.id for one in audited.corrections()] == [correction.id]


def test_what_may_not_be_repeated_is_sent_once(
    client: Client, probabilities_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def broken(method: str, path: str, **_options: Any) -> httpx.Response:
        calls.append(f"{method} {path}")
        raise httpx.ReadError("cut")

    monkeypatch.setattr(client._transport._http, "request", broken)
    with pytest.raises(ServiceUnreachableError, match="broke"):
        client.upload(probabilities_file)
    assert calls == ["POST /v1/datasets"]


def test_a_correction_can_be_reverted_and_made_anew(audited: Audit) -> None:
    first = audited.correct("s000", "exclude")
    with pytest.raises(ApiError) as caught:
        audited.correct("s000", "keep")
    assert caught.value.status == 409
    undone = audited.revert(first.id)
    [_, row] = audited.corrections()
    assert (row.reverts, row.batch_id) == (first.id, undone.id)
    assert audited.correct("s000", "keep").verdict == "keep"
    assert len(list(audited.corrections())) == 3
    assert audited.correction(first.id) == first


def test_many_corrections_are_stored_together(audited: Audit) -> None:
    wanted = [
        CorrectionCreate(sample_id="s020", verdict="relabel", corrected_label="fox"),
        CorrectionCreate(sample_id="s040", verdict="exclude"),
    ]
    stored = audited.correct_many(wanted)
    assert [one.sample_id for one in stored.items] == ["s020", "s040"]
    assert stored.dataset_version == 2


def test_what_reviewers_found_makes_a_new_ranking(audited: Audit) -> None:
    with pytest.raises(ApiError) as caught:
        audited.rerank()
    assert caught.value.status == 409
    before = audited.summary().ranking_id
    audited.correct("s020", "accept_suggestion")
    ranking = audited.rerank()
    assert ranking.number == 1
    assert audited.summary().ranking_id == ranking.ranking_id != before


def test_controls_are_leased_without_the_models_opinion(audited):
    controls = audited.next_controls(2)
    assert len({control.sample_id for control in controls}) == 2
    assert not hasattr(controls[0], "rank")
    assert audited.correct(controls[0].sample_id, "keep").verdict == "keep"


def test_the_queue_hands_out_different_samples(audited: Audit) -> None:
    first, second = audited.next_in_queue(2)
    (third,) = audited.next_in_queue()
    assert len({first.sample_id, second.sample_id, third.sample_id}) == 3


def test_a_sample_id_of_any_characters_can_be_asked_for(client: Client, tmp_path: Path) -> None:
    odd = "a/b ?#%2F é"
    path = tmp_path / "odd.npz"
    generator = np.random.default_rng(0)
    np.savez(
        path,
        sample_id=np.array([odd, *(f"s{n}" for n in range(39))]),
        given_label=np.arange(40) % 2,
        pred_probs=generator.dirichlet([1.0, 1.0], 40).astype(np.float32),
    )
    handle = client.audit(client.upload(path).id)
    handle.wait(timeout=60)
    assert handle.suspect(odd).sample_id == odd
    assert client.sample(handle.read().dataset_id, odd).sample_id == odd


def test_the_ranked_list_is_saved_whole_as_csv(audited: Audit, tmp_path: Path) -> None:
    path = audited.save_suspects(tmp_path / "list.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300
    assert list(tmp_path.glob(".*")) == []


def test_an_export_is_saved_under_the_services_name_or_under_mine(
    client: Client, audited: Audit, tmp_path: Path
) -> None:
    audited.correct("s020", "relabel", "fox")
    dataset_id = audited.read().dataset_id
    original = client.export(dataset_id, "original", tmp_path)
    assert original.parent == tmp_path
    assert zipfile.is_zipfile(original)
    mine = client.export(dataset_id, "csv", tmp_path / "new" / "mine.csv")
    assert mine == tmp_path / "new" / "mine.csv"
    assert mine.stat().st_size > 0


def test_a_deleted_dataset_is_gone(client: Client, probabilities_file: Path) -> None:
    dataset = client.upload(probabilities_file)
    assert dataset.id in {one.id for one in client.datasets()}
    client.delete(dataset.id)
    with pytest.raises(ApiError) as caught:
        client.dataset(dataset.id)
    assert caught.value.status == 404


def test_keys_are_made_listed_and_revoked(live: LiveService, client: Client) -> None:
    made = client.create_key("Ann", Role.annotator)
    with Client(live.url, made.token) as ann:
        assert (ann.me().name, ann.me().role) == ("Ann", Role.annotator)
        with pytest.raises(ApiError, match="role"):
            ann.keys()
        client.revoke_key(made.id)
        with pytest.raises(ApiError) as caught:
            ann.me()
    assert caught.value.status == 401
    listed = {key.id: key for key in client.keys()}  # noqa: SIM118 (not a mapping)
    assert listed[made.id].revoked_at


def test_the_catalogues_are_listed(client: Client) -> None:
    assert "gce" in {one.name for one in client.objectives()}
    assert "identity" in {one.name for one in client.encoders()}


def test_a_service_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "RETRY_DELAYS", ())
    url = f"http://127.0.0.1:{free_port()}"
    with Client(url, "la_x_y") as client, pytest.raises(ServiceUnreachableError, match=url):
        client.me()


def test_another_program_on_the_port_is_no_crash() -> None:
    response = httpx.Response(418, text="<h1>teapot</h1>")
    with pytest.raises(ApiError, match="teapot") as caught:
        transport_module.checked(response)
    assert caught.value.status == 418


def test_without_an_address_the_client_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnreachableError, match="labelaudit serve"):
        Client(data_dir=tmp_path)


def test_the_address_is_what_is_given_then_the_environment_then_the_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_address(tmp_path, Address("http://kept", "la_kept"))
    assert find_address(data_dir=tmp_path) == Address("http://kept", "la_kept")
    monkeypatch.setenv("LABELAUDIT_URL", "http://env/")
    monkeypatch.setenv("LABELAUDIT_TOKEN", "la_env")
    assert find_address(data_dir=tmp_path) == Address("http://env", "la_env")
    assert find_address("http://mine", "la_mine", tmp_path) == Address("http://mine", "la_mine")


def test_the_kept_token_is_never_sent_to_another_service(tmp_path: Path) -> None:
    write_address(tmp_path, Address("http://kept", "la_kept"))
    assert find_address("http://elsewhere", data_dir=tmp_path) is None


def test_the_address_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = write_address(tmp_path, Address("http://kept", "la_kept"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_address(tmp_path) == Address("http://kept", "la_kept")
    assert "la_kept" not in repr(read_address(tmp_path))


@pytest.mark.parametrize("content", ["", "[]", '{"url": 1}', '{"url": "a", "token": "b", "c": 1}'])
def test_a_damaged_address_file_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "session.json").write_text(content)
    assert read_address(tmp_path) is None


def test_a_stream_that_always_breaks_is_replaced_by_asking(
    client: Client, probabilities_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "POLL_SECONDS", 0.05)
    handle = client.audit(client.upload(probabilities_file).id)

    def broken(*_args: object) -> Any:
        raise ServiceUnreachableError("no streams here")

    monkeypatch.setattr(handle, "_events", broken)
    told: list[float] = []
    assert handle.wait(lambda progress: told.append(progress.progress), timeout=60)
    assert told[-1] == 1.0


def test_the_report_and_the_pictures_come_as_files(audited, tmp_path):
    report = audited.save_report(tmp_path)
    assert report.name == f"report-{audited.id}.html"
    assert report.read_text().startswith("<!doctype html>")
    picture = audited.save_plot("noise_matrix", tmp_path / "noise.png", theme="dark")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert audited.findings().reviewed == 0
