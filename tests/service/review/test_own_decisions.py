"""What a person decided, newest first, and whether it still counts."""

import pytest

from labelaudit.enums import Role, Standing, Verdict
from service import review
from service.audits import records as audits
from service.review import NewCorrection, assignments
from service.review.own_decisions import list_own_decisions
from tests.support.factories import make_audit, make_dataset, person, revert, sample_id

ANN, BEN = person("Ann"), person("Ben")


@pytest.fixture
def audit_id(store):
    return make_audit(store, make_dataset(store))


def decide(store, audit_id, number, verdict, *, by=ANN, supersedes=None):
    new = NewCorrection(sample_id(number), verdict, supersedes=supersedes)
    with store.database.write() as session:
        return review.submit(session, audit_id, [new], principal=by)[0].id


def listed(store, audit_id, *, by=ANN, before=None, limit=10):
    with store.database.read() as session:
        audit = audits.get_audit(session, audit_id)
        found = list_own_decisions(session, audit, principal=by, before=before, limit=limit)
        return [(one.correction.id, one.standing) for one in found]


def test_only_ones_own_newest_first(store, audit_id):
    first = decide(store, audit_id, 0, Verdict.keep)
    decide(store, audit_id, 1, Verdict.keep, by=BEN)
    second = decide(store, audit_id, 2, Verdict.skip)
    assert listed(store, audit_id) == [(second, Standing.current), (first, Standing.current)]
    assert listed(store, audit_id, limit=1) == [(second, Standing.current)]
    with store.database.read() as session:
        seq = review.get_correction(
            session, audits.get_audit(session, audit_id), second, reader=ANN.key_id
        ).seq
    assert listed(store, audit_id, before=seq) == [(first, Standing.current)]


def test_a_later_decision_replaces_an_earlier_one_until_it_is_undone(store, audit_id):
    first = decide(store, audit_id, 0, Verdict.keep)
    second = decide(store, audit_id, 0, Verdict.exclude, supersedes=first)
    assert listed(store, audit_id) == [(second, Standing.current), (first, Standing.replaced)]
    with store.database.write() as session:
        revert(session, audit_id, second, principal=person("Uma", Role.uploader))
    assert listed(store, audit_id) == [(second, Standing.undone), (first, Standing.current)]


def test_a_colleagues_opinion_on_the_same_sample_changes_nothing(store, audit_id):
    with store.database.write() as session:
        assignments.update_review_settings(session, audit_id, opinions=2, adjudicators=())
    own = decide(store, audit_id, 0, Verdict.keep)
    decide(store, audit_id, 0, Verdict.exclude, by=BEN)
    assert listed(store, audit_id) == [(own, Standing.current)]
