"""An audit's queue is emptied once, by whoever decides its last suspect."""

import json

from sqlalchemy import select

from labelaudit.enums import Verdict, WebhookEvent
from service import review
from service.db.tables import WebhookDelivery
from service.review import NewCorrection
from tests.service.webhooks.receiver import register
from tests.support.factories import Store, in_threads, make_audit, make_dataset, person, sample_id

HOSTS = ["hooks.example.com"]
URL = "https://hooks.example.com/"


def told(store: Store) -> list[str]:
    with store.database.read() as session:
        bodies = session.scalars(select(WebhookDelivery.body)).all()
    return [json.loads(body)["data"]["audit_id"] for body in bodies]


def decide(store: Store, audit_id: str, *positions: int, verdict: Verdict = Verdict.keep) -> None:
    with store.database.write() as session:
        corrections = [NewCorrection(sample_id(position), verdict) for position in positions]
        review.submit(session, audit_id, corrections, principal=person())


def test_the_last_suspect_of_the_obvious_and_possible_empties_the_queue(store: Store) -> None:
    register(store.database, URL, HOSTS, events=[WebhookEvent.queue_emptied])
    audit_id = make_audit(store, make_dataset(store))  # 20 of 30 are obvious or possible
    decide(store, audit_id, *range(18))
    decide(store, audit_id, 18, verdict=Verdict.skip)
    decide(store, audit_id, 25)
    decide(store, audit_id, 19)
    assert told(store) == []  # one is skipped
    with store.database.write() as session:
        review.submit(
            session,
            audit_id,
            [NewCorrection(sample_id(18), Verdict.keep)],
            principal=person("Ben"),
        )
    assert told(store) == [audit_id]
    decide(store, audit_id, 26)  # it is empty already, and this one was not in it
    assert told(store) == [audit_id]


def test_two_who_decide_the_last_two_at_once_empty_it_once(store: Store) -> None:
    register(store.database, URL, HOSTS, events=[WebhookEvent.queue_emptied])
    audit_id = make_audit(store, make_dataset(store))
    decide(store, audit_id, *range(18))
    in_threads(2, lambda number: decide(store, audit_id, 18 + number))
    assert told(store) == [audit_id]
