"""What the page says where there is nothing to decide, and what it offers then."""

import pytest
from sqlalchemy import select, update

from labelaudit.enums import JobStatus, Role, Tier, Verdict
from service.audits import records as audits
from service.db.tables import Audit, Correction, Suspect
from service.jobs import records as jobs
from tests.service.web.test_access import faults_in_both
from tests.support.factories import make_dataset, set_status, start_audit

pytestmark = pytest.mark.browser


@pytest.fixture
def dataset(served):
    return make_dataset(served.store)


def test_a_waiting_audit_tells_its_place_until_it_runs(served, visit, dataset):
    first, second = (start_audit(served.store, dataset) for _ in range(2))
    visitor = visit()
    visitor.go(f"/audits/{second}", ".blank")
    assert "It is number 2 in the queue." in visitor.text(".blank")
    assert faults_in_both(visitor.page) == []
    with served.store.database.write() as session:
        audits.cancel_audit(session, first)
    visitor.page.wait_for_selector("text=It is next in the queue.")
    with served.store.database.write() as session:
        jobs.cancel(session, second)
        audits.begin(session, second)
    visitor.page.wait_for_selector("text=This audit is still running")
    set_status(served.store, second, JobStatus.failed)
    visitor.page.wait_for_selector("text=This audit failed")


def test_the_list_of_audits_tells_the_place_too(served, visit, dataset):
    first, _ = (start_audit(served.store, dataset) for _ in range(2))
    visitor = visit()
    visitor.page.wait_for_selector("text=Waiting for a worker, number 2 in the queue")
    with served.store.database.write() as session:
        audits.cancel_audit(session, first)
    visitor.page.wait_for_selector("text=Waiting for a worker, number 1 in the queue")


def test_disputes_are_none_or_for_others(visit, audit):
    admin = visit(role=Role.admin)
    admin.go(f"/audits/{audit}?queue=disputed", ".blank.end")
    assert admin.text(".blank-title") == "No disputes"
    assert faults_in_both(admin.page) == []
    annotator = visit()
    annotator.expected.append("403")
    annotator.go(f"/audits/{audit}?queue=disputed", ".notice.bad")
    annotator.page.click("text=Show the whole queue")
    annotator.page.wait_for_selector(".decision")


def test_an_audit_without_suspects_offers_all_samples(served, visit, audit):
    with served.store.database.write() as session:
        session.execute(update(Suspect).values(tier=Tier.none, suggested_label=None))
    visitor = visit()
    visitor.go(f"/audits/{audit}", ".blank.end")
    assert visitor.text(".blank-title") == "No suspects here"
    visitor.page.click("text=Show all samples")
    visitor.page.wait_for_selector(".decision")


def test_an_undo_of_nothing_is_answered_to_eyes_too(served, visit, audit):
    visitor = visit()
    visitor.review(audit)
    visitor.page.keyboard.press("u")
    assert visitor.text(".message").startswith("There is nothing to undo")
    assert faults_in_both(visitor.page) == []
    with served.store.database.read() as session:
        assert session.scalars(select(Correction)).all() == []


def test_a_digit_in_the_grid_needs_a_selection_and_then_names_a_class(served, visit, audit):
    visitor = visit()
    visitor.go(f"/audits/{audit}/grid", ".thumbnail")
    visitor.page.keyboard.press("3")
    assert visitor.text(".message").startswith("No sample is selected")
    visitor.page.click(".thumbnail:nth-child(1)")
    visitor.page.keyboard.press("7")
    assert visitor.text(".message").startswith("There are only 3 classes")
    with visitor.page.expect_response("**/corrections"):
        visitor.page.keyboard.press("3")
    with served.store.database.read() as session:
        row = session.scalars(select(Correction)).one()
        assert (row.verdict, row.corrected_label) == (Verdict.relabel, 2)


def test_who_may_not_export_learns_who_may(visit, audit):
    annotator = visit()
    annotator.review(audit)
    annotator.page.click("text=Export …")
    assert "Uma uploaded this dataset" in annotator.text("dialog")
    assert faults_in_both(annotator.page) == []
    uploader = visit(role=Role.uploader)
    uploader.review(audit)
    uploader.page.click("text=Export …")
    uploader.page.wait_for_selector("dialog >> text=Original format")


def test_a_decision_that_wants_a_second_opinion_is_not_counted_as_decided(served, visit, audit):
    with served.store.database.write() as session:
        session.execute(update(Audit).values(opinions=2))
    visitor = visit()
    visitor.review(audit)
    with visitor.page.expect_response("**/summary"):
        visitor.press("k")
    assert "0 decided, 10 left" in visitor.text(".count.obvious")
