"""A data folder that version 0.1.0 made: it opens, verifies and exports as it did then.

The folder holds one table of 90 samples, two audits, a re-ranking, eight corrections (one of them a
revert), a person with a key of their own and three exports, all made by that version's command line
and client, and beside it the exports as that version wrote them.
"""

import csv
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.api.app import create_app
from service.core.config import Settings
from service.db.engine import Database
from service.db.migrate import check, downgrade, upgrade
from service.operations.verify import verify
from service.storage.local import Storage
from worker.runtime.context import Worker
from worker.runtime.runner import run_one

MADE_BY_0_1_0 = Path(__file__).with_name("data") / "version-0.1.0.tar.gz"
LAST_REVISION_OF_0_1_0 = "0012"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with tarfile.open(MADE_BY_0_1_0) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.fixture
def expected(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "expected" / "state.json").read_text())
    return found


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(data_dir=folder / "data", free_space_watermark_bytes=0)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.resolved_database_url)
    upgrade(database)
    yield database
    database.dispose()


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return Storage(settings.resolved_storage_dir)


@pytest.fixture
def client(settings: Settings, database: Database) -> Iterator[TestClient]:
    with database.write() as session:
        _, token = create_key(session, name="the upgrader", role=Role.admin)
    headers = {"Authorization": f"Bearer {token}"}
    with TestClient(create_app(settings), base_url="http://127.0.0.1", headers=headers) as client:
        yield client


def test_everything_in_it_is_consistent(database: Database, storage: Storage) -> None:
    check(database)
    report = verify(database, storage, min_age_seconds=0)
    assert report.whole, report


def test_the_ranking_and_the_corrections_are_what_they_were(
    client: TestClient, expected: dict[str, Any]
) -> None:
    audit = f"/v1/audits/{expected['audit']}"
    suspects = client.get(f"{audit}/suspects", params={"limit": 90}).json()["items"]
    assert [one["sample_id"] for one in suspects] == expected["ranks"]
    assert [one["p_wrong"] for one in suspects] == expected["p_wrong"]
    corrections = client.get(f"{audit}/corrections").json()["items"]
    for one in corrections:
        one["annotator"] = one["annotator"]["name"]
    wanted = expected["corrections"]
    assert [{name: one[name] for name in wanted[0]} for one in corrections] == wanted


@pytest.mark.parametrize("form", ["original", "csv", "parquet"])
def test_it_exports_the_same_rows(
    client: TestClient, worker: Worker, folder: Path, expected: dict[str, Any], form: str
) -> None:
    asked = client.post(f"/v1/datasets/{expected['dataset']}/exports", json={"format": form})
    while run_one(worker):
        pass
    written = client.get(f"{asked.headers['location']}/file").content
    found, before = rows_of(written, form), rows_of((folder / "expected" / form).read_bytes(), form)
    assert not any(row.pop("certificate", None) for row in found)  # a column since then
    assert found == before


def rows_of(content: bytes, form: str) -> list[dict[str, Any]]:
    """The rows of an export, whatever their line ends: those of the upload, since then."""
    if form == "parquet":
        rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(content)).to_pylist()
        return rows
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_its_classifier_answers(client: TestClient, expected: dict[str, Any]) -> None:
    rows = [{"width": 0.1, "height": 5.2, "colour": "blue"}]
    answer = client.post(f"/v1/audits/{expected['audit']}/predict", json={"rows": rows})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["label"] in {"iris", "rose", "tulip"}


def test_what_it_says_of_the_whole_is_shown(client: TestClient, expected: dict[str, Any]) -> None:
    summary = client.get(f"/v1/audits/{expected['audit']}/summary").json()
    rate = summary["noise_rate"]
    assert rate["low"] <= rate["value"] <= rate["high"]
    dataset = client.get(f"/v1/datasets/{expected['dataset']}").json()
    assert (dataset["status"], dataset["created_by"]["id"]) == ("completed", None)
    assert dataset["created_by"]["name"]


def test_the_way_back_keeps_it_whole(database: Database, storage: Storage) -> None:
    downgrade(database, LAST_REVISION_OF_0_1_0)
    upgrade(database)
    check(database)
    assert verify(database, storage, min_age_seconds=0).whole
