"""Lines of the access log: how long they stay, who reads them, where else they go, and that nobody
can fill it."""

import json
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from starlette.testclient import TestClient

from labelaudit.enums import AccessOutcome, Role
from service.accounts import access_log
from service.accounts.access_log import AccessLogFile
from service.accounts.refusals import CALLERS, LINES, Refusals
from service.api.app import create_app
from service.db.engine import Database
from service.db.tables import AccessEntry, now
from service.operations.cleanup import clean_up
from tests.service.api.test_limits import bearer, started
from tests.support.factories import person


def write_line(database: Database, action: str, *, days: float = 0.0) -> None:
    with database.write() as session:
        session.add(
            AccessEntry(action=action, outcome=AccessOutcome.done, at=now() - timedelta(days=days))
        )


def actions(database: Database) -> list[str]:
    with database.read() as session:
        return [line.action for line in session.query(AccessEntry).order_by(AccessEntry.id)]


def keep_for(database: Database, days: int) -> None:
    with database.write() as session:
        access_log.keep_for(session, days)


# --------------------------------------------------------------------------------------- retention


@pytest.fixture
def aged(database: Database) -> Database:
    keep_for(database, 30)
    for action, days in (("older", 31), ("old", 29), ("new", 0)):
        write_line(database, action, days=days)
    return database


def test_the_cleanup_deletes_lines_that_are_older_than_the_retention(aged, storage):
    clean_up(aged, storage, dry_run=True)
    assert actions(aged) == ["older", "old", "new"]
    clean_up(aged, storage)
    assert actions(aged) == ["old", "new"]


@pytest.mark.parametrize("days", [0, 400])
def test_nothing_goes_before_its_time(aged, storage, days):
    keep_for(aged, days)
    clean_up(aged, storage)
    assert actions(aged) == ["older", "old", "new"]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM access_log",
        "DELETE FROM access_log WHERE action = 'old'",
        "UPDATE access_log SET name = 'x' WHERE action = 'older'",
    ],
)
def test_the_owner_too_can_only_delete_what_is_old_enough(aged, statement):
    with pytest.raises(DBAPIError, match="append-only"), aged.write() as session:
        session.execute(text(statement))
    assert actions(aged) == ["older", "old", "new"]
    with aged.write() as session:
        session.execute(text("DELETE FROM access_log WHERE action = 'older'"))
    assert actions(aged) == ["old", "new"]


@pytest.mark.parametrize("table", ["access_log", "correction", "dataset"])
def test_nobody_truncates_a_log(postgres_url, table):
    owner = Database(postgres_url)
    write_line(owner, "kept")
    with pytest.raises(DBAPIError, match="append-only"), owner.write() as session:
        session.execute(text(f"TRUNCATE {table} CASCADE"))
    assert actions(owner) == ["kept"]
    owner.dispose()


# ---------------------------------------------------------------------------------------- refusals


def test_refusals_past_a_rate_are_counted_in_one_line(database):
    moment = [600.0]
    refusals = Refusals(database, clock=lambda: moment[0])

    def refuse(times: int, name: str = "Ann") -> None:
        for number in range(times):
            refusals.note(
                f"GET /v1/keys/{number}", caller=person(name), address="1.2.3.4", request_id=None
            )

    refuse(LINES + 90)
    refuse(2, "Ben")
    assert len(actions(database)) == LINES + 2
    moment[0] += 60
    refusals.flush()
    refuse(1)
    with database.read() as session:
        lines = session.query(AccessEntry).order_by(AccessEntry.id).all()[LINES + 2 :]
    assert [(line.name, (line.detail or {}).get("count")) for line in lines] == [
        ("Ann", 90),
        ("Ann", None),
    ]
    refuse(LINES + 1)
    refusals.flush(all_of_them=True)
    with database.read() as session:
        last = session.query(AccessEntry).order_by(AccessEntry.id.desc()).first()
    assert last is not None
    assert last.detail is not None
    assert last.detail["count"] == 2


def test_many_addresses_cannot_fill_the_log_either(database):
    refusals = Refusals(database, clock=lambda: 600.0)
    for number in range(CALLERS + 50):
        refusals.note("GET /", caller=None, address=f"10.0.0.{number}", request_id=None)
    refusals.flush(all_of_them=True)
    with database.read() as session:
        lines = session.query(AccessEntry).order_by(AccessEntry.id).all()
    assert len(lines) == CALLERS + 1
    assert (lines[-1].address, lines[-1].detail["count"]) == (None, 50)


def test_a_caller_who_is_refused_again_and_again_fills_nothing(settings, database):
    ann = bearer(database)
    with started(settings) as client:
        for _ in range(3 * LINES):
            assert client.get("/v1/keys", headers=ann).status_code == 403
    assert actions(database).count("refused") == LINES + 1
    with database.read() as session:
        last = session.query(AccessEntry).order_by(AccessEntry.id.desc()).first()
    assert (last.name, last.detail["count"]) == ("Ann", 2 * LINES)


def test_an_operator_reads_failed_sign_ins_of_nobody_known(call_as):
    wrong = {"Authorization": "Bearer la_00000000_guess"}
    call_as(None).get("/v1/me", headers=wrong)
    operator = call_as(Role.operator)
    [line] = operator.get("/v1/access-log/service", params={"action": "refused"}).json()["items"]
    assert line["subject"] == "GET /v1/me"
    assert line["address"]
    assert line["by"] is None
    for role in (Role.admin, Role.annotator):
        assert call_as(role).get("/v1/access-log/service").status_code == 403
    answer = call_as(Role.admin).get("/v1/access-log", params={"action": "refused"})
    assert all(one["by"]["name"] for one in answer.json()["items"])


# ------------------------------------------------------------------------------------------ reading


def test_lines_since_a_moment(admin, call_as):
    call_as(Role.annotator).get("/v1/keys")
    before = now() - timedelta(minutes=1)
    found = admin.get("/v1/access-log", params={"since": before.isoformat()}).json()["items"]
    assert "refused" in [one["action"] for one in found]
    after = (now() + timedelta(minutes=1)).replace(tzinfo=None)
    assert admin.get("/v1/access-log", params={"since": after.isoformat()}).json()["items"] == []


def test_every_line_is_in_the_file_too_once_it_is_committed(database, settings, tmp_path):
    path = tmp_path / "access.jsonl"
    changed = settings.model_copy(update={"access_log_file": path})
    with TestClient(create_app(changed), base_url="http://127.0.0.1") as client:
        headers = bearer(database, Role.admin)
        made = client.post("/v1/keys", json={"name": "Ben", "role": "viewer"}, headers=headers)
        assert made.status_code == 201
        client.get("/v1/me", headers={"Authorization": "Bearer la_00000000_guess"})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["action"] for line in lines] == ["key.create", "refused"]
    with database.read() as session:
        known = {line.id: line.request_id for line in session.query(AccessEntry)}
    assert all(known[line["id"]] == line["request_id"] for line in lines)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_rolled_back_is_in_no_file(database_url, database, tmp_path):
    file = AccessLogFile(tmp_path / "access.jsonl")
    other = Database(database_url, committed=file.committed)
    with suppress(RuntimeError), other.write() as session:
        access_log.record(session, "never")
        raise RuntimeError
    with other.write() as session:
        access_log.record(session, "done")
    other.dispose()
    assert [json.loads(line)["action"] for line in file._path.read_text().splitlines()] == ["done"]


def test_a_file_that_cannot_be_written_stops_the_start(tmp_path):
    with pytest.raises(OSError, match="absent"):
        AccessLogFile(tmp_path / "absent" / "access.jsonl")
