"""One query for all progress streams."""

from sqlalchemy import event

from service.audits import records as audits
from service.audits.event_poller import EventPoller
from tests.support.factories import make_audit, make_dataset


def test_what_was_recorded_is_seen_by_the_next_poll(store):
    audit_id, poller = make_audit(store, make_dataset(store)), EventPoller(store.database)
    with store.database.read() as session:
        last = audits.get_audit(session, audit_id).last_event
    with poller.following(audit_id):
        poller.poll()
        assert not poller.has_events_after(audit_id, last)
        with store.database.write() as session:
            audits.record_event(session, audit_id, {"status": "running"})
        poller.poll()
        assert poller.has_events_after(audit_id, last)
        assert not poller.has_events_after(audit_id, last + 1)


def test_all_streams_cost_one_query_and_none_cost_nothing(store):
    audit_ids = [make_audit(store, make_dataset(store)) for _ in range(2)]
    poller, statements = EventPoller(store.database), []

    def note(_connection, _cursor, statement, *_):
        if statement.startswith("SELECT"):
            statements.append(statement)

    for engine in store.database.engines:
        event.listen(engine, "before_cursor_execute", note)

    with (
        poller.following(audit_ids[0]),
        poller.following(audit_ids[0]),
        poller.following(audit_ids[1]),
    ):
        poller.poll()
        assert len(statements) == 1
    poller.poll()
    assert len(statements) == 1


def test_the_stream_of_a_deleted_audit_reads_on_and_finds_that_it_is_gone(store):
    poller = EventPoller(store.database)
    with poller.following("au_gone"):
        poller.poll()
        assert poller.has_events_after("au_gone", 10**6)
