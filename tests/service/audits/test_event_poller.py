"""One look at the database for all who follow audits."""

from sqlalchemy import event

from service.audits import records as audits
from service.audits.event_poller import News
from tests.support.factories import make_audit, make_dataset


def test_a_follower_hears_of_what_was_recorded(store):
    audit_id, news = make_audit(store, make_dataset(store)), News(store.database)
    with store.database.read() as session:
        told = audits.get_audit(session, audit_id).last_event
    with news.followed(audit_id):
        news.look()
        assert not news.beyond(audit_id, told)
        with store.database.write() as session:
            audits.record_event(session, audit_id, {"status": "running"})
        news.look()
        assert news.beyond(audit_id, told)
        assert not news.beyond(audit_id, told + 1)


def test_all_followers_cost_one_look_and_none_cost_nothing(store):
    audit_ids = [make_audit(store, make_dataset(store)) for _ in range(2)]
    news, statements = News(store.database), []

    def note(_connection, _cursor, statement, *_):
        if statement.startswith("SELECT"):
            statements.append(statement)

    for engine in store.database.engines:
        event.listen(engine, "before_cursor_execute", note)

    with news.followed(audit_ids[0]), news.followed(audit_ids[0]), news.followed(audit_ids[1]):
        news.look()
        assert len(statements) == 1
    news.look()
    assert len(statements) == 1


def test_who_follows_an_audit_that_is_gone_is_told_to_look(store):
    news = News(store.database)
    with news.followed("au_gone"):
        news.look()
        assert news.beyond("au_gone", 10**6)
