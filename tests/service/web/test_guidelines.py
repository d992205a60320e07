"""The guidelines of a dataset, a note with a verdict, and comments beside the sample."""

import pytest
from sqlalchemy import select, update

from labelaudit.enums import Role, Verdict
from service import review
from service.audits import records as audits
from service.db.tables import Audit, Correction
from service.review import sample_history
from tests.service.web.test_access import faults_in_both
from tests.support.factories import person, sample_id

pytestmark = pytest.mark.browser

TEXT = "Decide by the picture alone.\n\n## cat\n\nSmall, **with claws**.\n\n## dog\n\nLarge."


def comment(served, audit):
    with served.store.database.write() as session:
        dataset_id = audits.get_audit(session, audit).dataset_id
        sample_history.add_comment(
            session, dataset_id, sample_id(0), "Ask the vet.", principal=person("Bob")
        )


def test_who_leads_writes_the_guidelines_and_everybody_reads_them(visit, audit):
    annotator = visit()
    annotator.review(audit)
    annotator.page.keyboard.press("g")
    annotator.page.wait_for_selector("text=Nobody has written guidelines for this dataset yet.")
    assert annotator.page.locator(".guidelines button").count() == 0
    annotator.page.keyboard.press("Escape")
    leader = visit(role=Role.uploader)
    leader.go(f"/audits/{audit}/grid", ".thumbnail")
    leader.page.keyboard.press("g")
    leader.page.click("text=Write guidelines")
    assert faults_in_both(leader.page) == []
    leader.page.fill("#guidelines-text", TEXT)
    leader.page.click("text='Save'")
    leader.page.wait_for_selector(".markdown >> text=Decide by the picture alone.")
    annotator.page.keyboard.press("g")  # without loading the page again
    annotator.page.wait_for_selector(".these-classes")
    assert annotator.text(".these-classes").split() == [
        "cat",
        "Small,",
        "with",
        "claws.",
        "dog",
        "Large.",
    ]
    assert annotator.text(".these-classes strong") == "with claws"
    assert faults_in_both(annotator.page) == []


def test_a_note_is_saved_with_the_verdict_of_its_sample(served, visit, audit):
    visitor = visit()
    visitor.review(audit)
    visitor.page.keyboard.press("n")
    visitor.page.keyboard.type("far too small")  # k, a, s and x decide nothing here
    visitor.page.keyboard.press("Enter")
    with visitor.page.expect_response("**/corrections"):
        visitor.press("k")
    visitor.page.wait_for_selector(f".sample-id >> text={sample_id(1)}")
    assert visitor.page.input_value("#note") == ""
    with visitor.page.expect_response("**/corrections"):
        visitor.press("x")
    with served.store.database.read() as session:
        rows = session.scalars(select(Correction).order_by(Correction.seq)).all()
    assert [(row.verdict, row.note) for row in rows] == [
        (Verdict.keep, "far too small"),
        (Verdict.exclude, None),
    ]


def test_comments_stand_beside_the_sample_unless_an_opinion_is_hidden(served, visit, audit):
    comment(served, audit)
    visitor = visit()
    visitor.review(audit)
    assert "Ask the vet." in visitor.text(".comments")
    assert faults_in_both(visitor.page) == []
    with served.store.database.write() as session:
        session.execute(update(Audit).values(opinions=2))
        new = review.NewCorrection(sample_id(0), Verdict.keep)
        review.submit(session, audit, [new], principal=person("Bob"))
    visitor.review(audit, f"?sample={sample_id(0)}")
    assert visitor.page.locator(".comments").count() == 0
