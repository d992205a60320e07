"""Sessions, last uses and refusals as rows: moments at their boundaries, whose and how many."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from labelaudit.enums import AccessOutcome, Role, Scope
from service.accounts import access_log, api_keys, sessions
from service.accounts.last_used import LastUsed
from service.accounts.principals import is_valid, principal_of
from service.accounts.refusals import CALLERS, LINES, Refusals
from service.core.errors import NotAuthenticated
from service.core.principal import Principal
from service.db.tables import AccessEntry, ApiKey, BrowserSession, now

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=30)


@pytest.fixture
def ann(database) -> Principal:
    with database.write() as session:
        key, _ = api_keys.create_key(session, name="Ann", role=Role.annotator)
        found = principal_of(key)
    return Principal(found.key_id, found.name, found.role, address="10.0.0.7")


def begin(database, who: Principal, browser: str | None = "Firefox") -> str:
    with database.write() as session:
        return sessions.begin(session, who, how="key", browser=browser)[1]


def who_is(database, token: str) -> Principal:
    with database.engine.connect() as connection:
        return sessions.authenticate(connection, token)


def lines(database, action: str) -> list[AccessEntry]:
    with database.read() as session:
        query = select(AccessEntry).where(AccessEntry.action == action).order_by(AccessEntry.id)
        return list(session.scalars(query))


def test_a_session_says_whose_it_is_and_where_it_began(database, ann):
    token = begin(database, ann, "x" * 300)
    with database.read() as session:
        [row] = session.scalars(select(BrowserSession))
    caller = who_is(database, token)
    assert (caller.key_id, caller.name, caller.session_id) == (ann.key_id, "Ann", row.id)
    assert (row.key_id, row.address, row.browser) == (ann.key_id, "10.0.0.7", "x" * 200)
    assert row.expires_at - row.created_at == pytest.approx(7 * 24 * HOUR, abs=SECOND)
    [line] = lines(database, "sign_in")
    assert (line.subject, line.key_id, line.detail) == (row.id, ann.key_id, {"how": "key"})
    begin(database, ann, None)


@pytest.mark.parametrize(
    ("column", "age", "active"),
    [
        ("last_used_at", -12 * HOUR + SECOND, True),
        ("last_used_at", -12 * HOUR - SECOND, False),
        ("expires_at", SECOND, True),
        ("expires_at", -SECOND, False),
        ("ended_at", -SECOND, False),
    ],
)
def test_a_session_ends_at_its_moment(database, ann, column, age, active):
    token = begin(database, ann)
    with database.write() as session:
        session.execute(update(BrowserSession).values({column: now() + age}))
    with database.read() as session:
        assert len(sessions.list_sessions(session, ann.key_id)) == active
    if active:
        who_is(database, token)
    else:
        with pytest.raises(NotAuthenticated, match="signed out"):
            who_is(database, token)


def test_sessions_are_listed_newest_first_of_one_or_of_all(database, ann):
    with database.write() as session:
        other = principal_of(api_keys.create_key(session, name="Ben", role=Role.admin)[0])
    for who in (ann, other, ann):
        begin(database, who)
    with database.read() as session:
        mine = sessions.list_sessions(session, ann.key_id)
        everybodys = sessions.list_sessions(session, None)
    assert (len(mine), len(everybodys)) == (2, 3)
    ids = [row.id for row, _ in everybodys]
    assert ids == sorted(ids, reverse=True)


def test_ending_all_of_ones_sessions_is_logged_for_each_and_once(database, ann):
    tokens = [begin(database, ann) for _ in range(2)]
    for _ in range(2):
        with database.write() as session:
            sessions.end_all(session, ann.key_id)
    for token in tokens:
        with pytest.raises(NotAuthenticated):
            who_is(database, token)
    assert len(lines(database, "sign_out")) == 2


def test_uses_only_move_forwards_and_old_sessions_go(database, ann):
    begin(database, ann)
    with database.read() as session:
        [row] = session.scalars(select(BrowserSession))
    later, earlier = row.last_used_at + HOUR, row.last_used_at - HOUR
    for moment in (later, earlier):
        with database.write() as session:
            sessions.record_use(session, {row.id: moment})
            api_keys.record_use(session, {ann.key_id: moment})
    with database.read() as session:
        assert session.get_one(BrowserSession, row.id).last_used_at == later
        assert session.get_one(ApiKey, ann.key_id).last_used_at == later
    for age, kept in ((30 * 24 * HOUR - HOUR, 1), (30 * 24 * HOUR + HOUR, 0)):
        with database.write() as session:
            session.execute(update(BrowserSession).values(expires_at=now() - age))
            sessions.record_use(session, {})
        with database.read() as session:
            assert len(session.scalars(select(BrowserSession)).all()) == kept


def test_uses_are_stored_together_and_once(database, ann):
    begin(database, ann)
    with database.read() as session:
        [row] = session.scalars(select(BrowserSession))
    used = LastUsed(database)
    used.store()  # nothing yet
    in_session = Principal(ann.key_id, "Ann", ann.role, session_id=row.id)
    before = now()
    used.record(in_session)
    used.record(ann)
    with database.read() as session:
        assert session.get_one(ApiKey, ann.key_id).last_used_at is None
    used.store()
    with database.write() as session:
        assert session.get_one(ApiKey, ann.key_id).last_used_at >= before
        assert session.get_one(BrowserSession, row.id).last_used_at >= before
        session.execute(update(ApiKey).values(last_used_at=None))
    used.store()  # it was stored
    with database.read() as session:
        assert session.get_one(ApiKey, ann.key_id).last_used_at is None


@pytest.mark.parametrize(
    ("changes", "valid"),
    [({}, True), ({"expires_at": SECOND}, True), ({"expires_at": -SECOND}, False),
     ({"revoked_at": -SECOND}, False)],
)  # fmt: skip
def test_a_key_is_valid_until_it_expires_or_is_revoked(changes, valid):
    key = ApiKey(**{name: now() + age for name, age in changes.items()})
    assert is_valid(key) is valid


def test_scopes_of_a_newer_version_are_passed_over():
    key = ApiKey(id="k", name="n", role=Role.annotator, tenant_id="t", dataset_id="ds_1")
    assert principal_of(key).scopes is None
    key.scopes = [Scope.admin, "fly"]
    caller = principal_of(key)
    assert caller.scopes == frozenset({Scope.admin})
    assert (caller.tenant_id, caller.dataset_id) == ("t", "ds_1")


class Clock:
    now = 600.0

    def __call__(self) -> float:
        return self.now


def refuse(refusals: Refusals, caller: Principal | None = None, address: str = "10.0.0.1") -> None:
    refusals.note("x" * 300, caller=caller, address=address, request_id="r", reason="no")


def counts(database) -> list[tuple[Any, ...]]:
    return [
        (line.key_id, line.address, line.detail["count"])
        for line in lines(database, "refused")
        if "count" in line.detail
    ]


def test_refusals_beyond_the_first_of_a_minute_are_counted_when_it_is_over(database, ann):
    clock = Clock()
    refusals = Refusals(database, clock)
    for _ in range(LINES):
        refuse(refusals)
    written = lines(database, "refused")
    assert len(written) == LINES
    assert all(line.outcome is AccessOutcome.refused for line in written)
    assert (written[0].subject, written[0].address, written[0].request_id) == (
        "x" * 200, "10.0.0.1", "r",
    )  # fmt: skip
    for _ in range(3):
        refuse(refusals)
    refuse(refusals, ann)  # somebody else
    refusals.flush()
    assert counts(database) == []
    clock.now += 59.0
    refusals.flush()
    assert counts(database) == []
    clock.now += 1.0
    refusals.flush()
    assert counts(database) == [(None, "10.0.0.1", 3)]
    refusals.flush(all_of_them=True)
    assert len(counts(database)) == 1
    assert len(lines(database, "refused")) == LINES + 2


def test_what_is_counted_is_written_when_the_process_ends(database, ann):
    refusals = Refusals(database, Clock())
    for _ in range(LINES + 2):
        refuse(refusals, ann)
    refusals.flush(all_of_them=True)
    assert counts(database) == [(ann.key_id, "10.0.0.7", 2)]


def test_callers_beyond_a_number_share_one_count(database, monkeypatch):
    monkeypatch.setattr("service.accounts.refusals.CALLERS", 3)
    assert CALLERS > 3
    refusals = Refusals(database, Clock())
    for number in (1, 2, 3, 4, 5, 4, 1):
        refuse(refusals, address=f"10.0.0.{number}")
    assert len(lines(database, "refused")) == 4  # 1, 2, 3 and 1 again
    refusals.flush(all_of_them=True)
    assert counts(database) == [(None, None, 3)]


def test_entries_are_found_by_action_key_moment_and_page(database, ann):
    with database.write() as session:
        for number in range(4):
            by = ann if number % 2 else None
            access_log.record(session, f"act.{number // 2}", str(number), by=by, tenant_id="t")
        session.flush()
    moment = lines(database, "act.1")[0].at

    def found(**options: Any) -> list[str | None]:
        with database.read() as session:
            wanted = {"tenant_id": "t", "limit": 9, **options}
            return [line.subject for line in access_log.list_entries(session, **wanted)]

    assert found() == ["3", "2", "1", "0"]
    assert found(limit=1) == ["3"]
    assert found(action="act.0") == ["1", "0"]
    assert found(key_id=ann.key_id) == ["3", "1"]
    assert found(before=lines(database, "act.1")[0].id) == ["1", "0"]
    assert "2" in found(since=moment)
    assert found(since=moment + HOUR) == []
    assert found(tenant_id="other") == []
