"""The drawer with one's own decisions."""

import pytest
from sqlalchemy import select, update

from labelaudit.enums import Verdict
from service import review
from service.db.tables import Audit, Correction
from tests.service.web.test_access import faults_in_both
from tests.support.factories import person, sample_id

pytestmark = pytest.mark.browser

ENTRIES = "document.querySelectorAll('.recent-entry').length"


def log_of(served):
    with served.store.database.read() as session:
        rows = session.scalars(select(Correction).order_by(Correction.seq)).all()
        return [(row.sample_id, row.verdict, bool(row.reverts)) for row in rows]


@pytest.fixture
def decided(served, visit, audit):
    """A page that was loaded again after its three decisions; Bob made a fourth."""
    with served.store.database.write() as session:
        new = review.NewCorrection(sample_id(20), Verdict.keep)
        review.submit(session, audit, [new], principal=person("Bob"))
    visitor = visit()
    visitor.review(audit)
    for key in "akx":
        with visitor.page.expect_response("**/corrections"):
            visitor.press(key)
    visitor.review(audit)
    visitor.press("r")
    visitor.until(f"{ENTRIES} === 3")
    return visitor


def test_ones_own_decisions_are_listed_after_a_reload_and_nobody_elses(decided):
    texts = decided.page.locator(".recent-entry").all_inner_texts()
    assert [text.split("\n")[0] for text in texts] == [f"text number {n}" for n in (2, 1, 0)]
    for text, said in zip(texts, ("fox excluded", "dog kept", "cat → dog"), strict=True):
        assert said in text
    assert faults_in_both(decided.page) == []


def test_the_drawer_is_open_again_after_a_reload_unless_it_was_closed(decided, audit):
    decided.page.reload()
    decided.until(f"{ENTRIES} === 3")
    decided.page.keyboard.press("Escape")
    decided.review(audit)
    assert decided.page.locator(".drawer").count() == 0


def test_an_undo_in_the_drawer_returns_the_sample_to_the_queue(served, decided):
    decided.page.click(".recent-entry:nth-child(3) >> text='Undo'")
    decided.page.wait_for_selector(".recent-entry.undone")
    assert log_of(served)[-1] == (sample_id(0), None, True)
    assert decided.page.locator(".recent-entry.undone >> text='Undo'").count() == 0
    decided.until("document.querySelector('.count.obvious').textContent.includes('2 decided')")


def test_a_decision_is_changed_and_then_replaces_the_earlier_one(served, decided):
    decided.page.click(".recent-entry:nth-child(2) >> text=Change")
    decided.page.wait_for_selector(".drawer", state="detached")
    decided.page.wait_for_selector(f".sample-id >> text={sample_id(1)}")
    with decided.page.expect_response("**/corrections"):
        decided.press("x")
    assert log_of(served)[-1] == (sample_id(1), Verdict.exclude, False)
    decided.press("r")
    decided.until(f"{ENTRIES} === 4")
    assert "changed later" in decided.text(".recent-entry.replaced")


def test_ones_own_opinion_can_be_changed_while_others_are_missing(served, visit, audit):
    with served.store.database.write() as session:
        session.execute(update(Audit).values(opinions=2))
    visitor = visit()
    visitor.review(audit)
    with visitor.page.expect_response("**/corrections"):
        visitor.press("k")
    visitor.press("r")
    visitor.page.click(".recent-entry >> text=Change")
    visitor.page.wait_for_selector(f".sample-id >> text={sample_id(0)}")
    with visitor.page.expect_response("**/corrections") as answer:
        visitor.press("x")
    assert answer.value.status == 201
    assert log_of(served) == [
        (sample_id(0), Verdict.keep, False),
        (sample_id(0), Verdict.exclude, False),
    ]


def test_an_undo_of_nothing_offers_the_earlier_decisions(decided):
    decided.page.keyboard.press("Escape")
    decided.page.keyboard.press("u")
    decided.page.click(".message >> text=Earlier decisions")
    decided.until(f"{ENTRIES} === 3")


def test_the_grid_has_the_drawer_and_undoes_into_itself(served, decided, audit):
    decided.page.keyboard.press("Escape")
    decided.go(f"/audits/{audit}/grid", ".thumbnail")
    decided.page.keyboard.press("r")
    decided.page.click(".recent-entry:nth-child(1) >> text='Undo'")
    decided.page.wait_for_selector(f".thumbnail[data-id={sample_id(2)}]")
    decided.page.click(".recent-entry:nth-child(2) >> text=Change")
    decided.page.wait_for_selector(f".sample-id >> text={sample_id(1)}")
