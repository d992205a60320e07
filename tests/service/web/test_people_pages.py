"""The history of a sample and the team, in a real browser."""

import os

import pytest

from labelaudit.enums import Role, Verdict
from service import review
from service.audits import records as audits
from service.review import NewCorrection, assignments
from tests.service.web.test_access import faults_in_both
from tests.support.factories import person, sample_id

pytestmark = pytest.mark.browser

BEN = person("Ben")
SHOTS = os.environ.get("LABELAUDIT_SHOTS")


def decide(served, audit, who, *corrections):
    with served.store.database.write() as session:
        return review.submit(session, audit, corrections, principal=who)


def test_the_history_of_a_sample_is_one_key_away_and_takes_a_comment(served, visit, audit):
    [row] = decide(served, audit, BEN, NewCorrection(sample_id(0), Verdict.keep, note="clear"))
    with served.store.database.write() as session:
        review.create_revert(session, audit, correction_id=row.id, principal=BEN)
    visitor = visit()
    visitor.review(audit)
    visitor.press("h")
    visitor.page.wait_for_selector(".event.undone")
    assert "Ben kept cat" in visitor.text(".event.undone")
    assert faults_in_both(visitor.page) == []
    visitor.page.fill("#comment", "A fox, surely")
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_selector(".event.comment")
    assert "A fox, surely" in visitor.text(".event.comment")
    shoot(visitor, "sample-history")


def test_the_team_page_undoes_a_persons_work_and_brings_it_back(served, visit, audit):
    with served.store.database.write() as session:
        assignments.update_review_settings(session, audit, opinions=2, adjudicators=[])
    for who in (BEN, person("Ann")):
        decide(
            served, audit, who, *(NewCorrection(sample_id(n), Verdict.exclude) for n in range(4))
        )
    visitor = visit(role=Role.uploader)
    visitor.go(f"/audits/{audit}/team", ".team table")
    assert "100%" in visitor.text(".team tbody tr:first-child")
    shoot(visitor, "team")
    assert faults_in_both(visitor.page) == []
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    visitor.page.click("text=Undo all … >> nth=0")
    visitor.page.click("text=Restore them")
    visitor.until("document.querySelector('#announcer').textContent === 'Decisions restored.'")
    with served.store.database.read() as session:
        states = {review.get_suspect(session, audit, sample_id(n)).state for n in range(4)}
    assert states == {"decided"}


def test_a_dispute_shows_the_adjudicator_what_each_person_said(served, visit, audit):
    with served.store.database.write() as session:
        assignments.update_review_settings(session, audit, opinions=2, adjudicators=[])
    decide(served, audit, BEN, NewCorrection(sample_id(0), Verdict.keep, note="clear"))
    decide(served, audit, person("Ann"), NewCorrection(sample_id(0), Verdict.exclude))
    visitor = visit(role=Role.uploader)
    visitor.review(audit, "?queue=disputed")
    said = visitor.text(".opinions")
    assert "Ben" in said
    assert "kept" in said
    assert "clear" in said
    assert "excluded" in said
    assert faults_in_both(visitor.page) == []


def test_a_part_of_the_queue_is_assigned_and_taken_back_on_the_team_page(served, visit, audit):
    served.key(name="Eve")
    visitor = visit(role=Role.uploader)
    visitor.go(f"/audits/{audit}/team", ".assign")
    visitor.page.click(".assign summary")
    assert faults_in_both(visitor.page) == []
    visitor.page.fill("[name=name]", "Cats first")
    visitor.page.select_option("[name=given_label]", "cat")
    visitor.page.check(".assign .people >> text=Eve")
    visitor.page.check("[name=reserved]")
    shoot(visitor, "assign")
    visitor.page.click("text='Assign'")
    visitor.page.wait_for_selector(".event")
    assert "given cat, reserved" in visitor.text(".event")
    with served.store.database.read() as session:
        [part] = assignments.list_assignments(session, audit)
    assert part.reserved
    visitor.page.click("text=Remove")
    visitor.page.wait_for_selector(".event", state="detached")
    visitor.page.check(".people >> text=Eve >> nth=0")
    visitor.until("document.querySelector('#announcer').textContent.trim() === 'Saved.'")
    with served.store.database.read() as session:
        assert len(audits.get_audit(session, audit).adjudicators) == 1


def test_annotators_see_the_team_page_without_what_they_may_not_change(visit, audit):
    visitor = visit()
    visitor.go(f"/audits/{audit}/team", ".team section")
    assert visitor.page.locator("#opinions, .assign").count() == 0


def shoot(visitor, name):
    """Pictures to look at, where somebody asks for them."""
    if SHOTS:
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 400)):
            visitor.page.emulate_media(color_scheme=scheme)
            visitor.page.set_viewport_size({"width": width, "height": 860})
            visitor.page.screenshot(path=f"{SHOTS}/{name}-{scheme}-{width}.png", full_page=True)
