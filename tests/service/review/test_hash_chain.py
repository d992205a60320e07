"""The hash chain of corrections: what was edited, removed or slipped in shows."""

import pytest
from sqlalchemy import text

from labelaudit.enums import Role, Verdict
from service import review
from service.db.migrate import downgrade, upgrade
from service.db.tables import Correction
from service.operations.verify.chain import broken_links
from service.review import NewCorrection, hash_chain
from tests.support.factories import (
    in_threads,
    make_audit,
    make_dataset,
    person,
    revert,
    sample_id,
    tampering,
)


@pytest.fixture
def dataset_id(store):
    return make_dataset(store)


@pytest.fixture
def corrected(store, dataset_id):
    """An audit with five corrections, the third an exclusion, the last a revert of the second."""
    audit_id = make_audit(store, dataset_id)
    with store.database.write() as session:
        verdicts = [Verdict.keep, Verdict.relabel, Verdict.exclude, Verdict.skip]
        rows = review.submit(
            session,
            audit_id,
            [
                NewCorrection(sample_id(p), verdict, 0 if verdict is Verdict.relabel else None)
                for p, verdict in enumerate(verdicts)
            ],
            principal=person("Zoë"),
        )
    with store.database.write() as session:
        revert(session, audit_id, rows[1].id, principal=person("Ben", Role.uploader))
    return audit_id


def broken(database):
    with database.read() as session:
        return [violation.detail for violation in broken_links(session)]


def change(database, statement, **values):
    with tampering(database) as session:
        session.execute(text(statement), values)


def test_an_untouched_log_is_whole(database, corrected):
    assert broken(database) == []


@pytest.mark.parametrize(
    "edit",
    [
        "corrected_label = 1",
        "corrected_label = NULL",
        "annotator = 'somebody else'",
        "note = 'never said'",
        "verdict = 'keep'",
        "created_at = '2020-01-01'",
        "control = true",
        "position = 7",
    ],
)
def test_an_edited_row_shows(database, corrected, edit):
    change(database, f"UPDATE correction SET {edit} WHERE seq = 2")
    assert broken(database) == ["correction 2 was changed after it was written"]


@pytest.mark.parametrize("seq", [1, 3])
def test_a_missing_row_shows(database, corrected, seq):
    change(database, "DELETE FROM correction WHERE seq = :seq", seq=seq)
    assert broken(database) == [f"correction {seq} is missing"]


def test_a_missing_end_shows(database, corrected):
    change(database, "DELETE FROM correction WHERE seq = 5")
    assert broken(database) == ["corrections 5 to 5 are missing"]


def test_a_row_that_was_edited_with_its_own_hash_breaks_the_next_link(database, corrected):
    with database.read() as session:
        row = session.query(Correction).filter_by(seq=2).one().to_dict()
    forged = hash_chain.digest({**row, "annotator": "Eve"}, row["prev_hash"])
    change(database, "UPDATE correction SET annotator='Eve', hash=:hash WHERE seq=2", hash=forged)
    assert broken(database) == ["correction 3 does not follow the one before it"]


def test_people_who_submit_at_once_make_one_chain(database, store, dataset_id):
    audit_id = make_audit(store, dataset_id)

    def submit(number: int) -> None:
        correction = NewCorrection(sample_id(number), Verdict.keep)
        with database.write() as session:
            review.submit(session, audit_id, [correction], principal=person(f"P{number}"))

    in_threads(12, submit)
    assert broken(database) == []


def test_corrections_of_before_the_chain_are_chained_by_the_migration(database, corrected):
    with database.read() as session:
        hashes = session.execute(text("SELECT seq, hash FROM correction ORDER BY seq")).all()
    downgrade(database, "0003")
    upgrade(database)
    assert broken(database) == []
    with database.read() as session:
        again = session.execute(text("SELECT seq, hash FROM correction ORDER BY seq")).all()
    assert again == hashes
