"""The history of a sample and the team, in a real browser."""

import os

import pytest

from service import assignments, review
from service.models import Role, Verdict
from service.review import Decision
from tests.factories import person, sample_id

pytestmark = pytest.mark.browser

BEN = person("Ben")
SHOTS = os.environ.get("LABELAUDIT_SHOTS")


def decide(served, audit, who, *decisions):
    with served.store.database.write() as session:
        return review.submit(session, audit, decisions, principal=who)


def test_the_history_of_a_sample_is_one_key_away_and_takes_a_comment(served, visit, audit):
    [row] = decide(served, audit, BEN, Decision(sample_id(0), Verdict.keep, note="clear"))
    with served.store.database.write() as session:
        review.revert(session, audit, row.id, principal=BEN)
    visitor = visit()
    visitor.review(audit)
    visitor.press("h")
    visitor.page.wait_for_selector(".event.undone")
    assert "Ben kept cat" in visitor.text(".event.undone")
    visitor.page.fill("#comment", "A fox, surely")
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_selector(".event.said")
    assert "A fox, surely" in visitor.text(".event.said")
    shoot(visitor, "story")


def test_the_team_page_undoes_a_persons_work_and_brings_it_back(served, visit, audit):
    with served.store.database.write() as session:
        assignments.set_review(session, audit, opinions=2, adjudicators=[])
    for who in (BEN, person("Ann")):
        decide(served, audit, who, *(Decision(sample_id(n), Verdict.exclude) for n in range(4)))
    visitor = visit(role=Role.uploader)
    visitor.go(f"/audits/{audit}/team", ".team table")
    assert "100%" in visitor.text(".team tbody tr:first-child")
    shoot(visitor, "team")
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    visitor.page.click("text=Undo all … >> nth=0")
    visitor.page.click("text=Bring them back")
    visitor.until("document.querySelector('#announcer').textContent === 'They are back.'")
    with served.store.database.read() as session:
        states = {review.get_suspect(session, audit, sample_id(n)).state for n in range(4)}
    assert states == {"decided"}


def shoot(visitor, name):
    """Pictures to look at, where somebody asks for them."""
    if SHOTS:
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 400)):
            visitor.page.emulate_media(color_scheme=scheme)
            visitor.page.set_viewport_size({"width": width, "height": 860})
            visitor.page.screenshot(path=f"{SHOTS}/{name}-{scheme}-{width}.png", full_page=True)
