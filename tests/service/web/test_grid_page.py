"""Deciding many suspects at once, in a real browser."""

import pytest
from sqlalchemy import select, update

from labelaudit.enums import ReviewState, Verdict
from service import review
from service.db.tables import Correction, Lease, Suspect
from tests.support.factories import person, sample_id

pytestmark = pytest.mark.browser

WRITTEN = "!Object.keys(sessionStorage).some((name) => name.startsWith('labelaudit.outbox'))"
SETTLED = (
    "document.querySelector('.thumbnail') && !document.querySelector('.grid-content[aria-busy]')"
)


def log_of(served):
    with served.store.database.read() as session:
        rows = session.scalars(select(Correction).order_by(Correction.seq)).all()
        return [(row.sample_id, row.verdict, bool(row.reverts)) for row in rows]


def selected(visitor):
    return visitor.page.eval_on_selector_all(
        ".thumbnail[aria-selected=true]", "found => found.map((one) => one.dataset.id)"
    )


@pytest.fixture
def grid(visit, audit):
    visitor = visit()
    visitor.go(f"/audits/{audit}/grid", ".thumbnail")
    visitor.until(SETTLED)
    return visitor


def test_one_decision_serves_all_that_are_selected_and_one_undo_takes_it_back(served, grid):
    grid.page.click(".thumbnail:nth-child(1)")
    grid.page.click(".thumbnail:nth-child(12)", modifiers=["Shift"])
    assert selected(grid) == [sample_id(number) for number in range(12)]
    grid.page.keyboard.press("a")
    grid.until(WRITTEN)
    accepted = [(sample_id(n), Verdict.accept_suggestion, False) for n in range(12)]
    assert log_of(served) == accepted
    assert "12 samples: suggestions accepted" in grid.said()
    assert grid.page.locator(".thumbnail").count() == 8
    reverts = []
    grid.page.on(
        "request",
        lambda asked: asked.url.endswith("/reverts") and reverts.append(asked.post_data_json),
    )
    grid.page.keyboard.press("u")
    grid.until(WRITTEN)
    assert [list(body) for body in reverts] == [["batch_id"]]
    assert {row[2] for row in log_of(served)[12:]} == {True}
    assert len(log_of(served)) == 24
    assert grid.page.locator(".thumbnail").count() == 20
    assert selected(grid) == [sample_id(number) for number in range(12)]
    with served.store.database.read() as session:
        states = set(session.scalars(select(Suspect.state)).all())
    assert states == {ReviewState.open}


def test_a_decision_of_many_is_stored_whole_or_not_at_all(served, grid, audit):
    with served.store.database.write() as session:  # a lease that ran out, taken by a colleague
        session.execute(update(Lease).values(until=0.0))
        correction = review.NewCorrection(sample_id=sample_id(1), verdict=Verdict.keep)
        review.submit(session, audit, [correction], principal=person("Bob"))
    grid.expected.append("409")
    for number in (1, 2, 3):
        grid.page.click(f".thumbnail:nth-child({number})")
    grid.page.keyboard.press("x")
    grid.page.wait_for_selector(".notice.bad")
    assert "decided by Bob" in grid.text(".notice.bad")
    assert len(log_of(served)) == 1
    grid.page.click("text=Save the other 2")
    grid.until(WRITTEN)
    assert log_of(served)[1:] == [
        (sample_id(0), Verdict.exclude, False),
        (sample_id(2), Verdict.exclude, False),
    ]


def test_arrows_move_space_selects_and_shift_extends(grid):
    grid.page.focus(".thumbnail:nth-child(1)")
    grid.page.keyboard.press("Space")
    grid.page.keyboard.press("Shift+ArrowRight")
    grid.page.keyboard.press("Shift+ArrowRight")
    assert selected(grid) == [sample_id(0), sample_id(1), sample_id(2)]
    grid.page.keyboard.press("Space")
    assert selected(grid) == [sample_id(0), sample_id(1)]
    grid.page.keyboard.press("Escape")
    assert selected(grid) == []
    grid.page.keyboard.press("e")
    assert len(selected(grid)) == 20


def test_a_drag_selects_what_it_touches(grid):
    first = grid.page.locator(".thumbnail:nth-child(1)").bounding_box()
    second = grid.page.locator(".thumbnail:nth-child(2)").bounding_box()
    grid.page.mouse.move(first["x"] + 5, first["y"] + 5)
    grid.page.mouse.down()
    grid.page.mouse.move(second["x"] + 20, second["y"] + 20, steps=4)
    grid.page.mouse.up()
    assert selected(grid) == [sample_id(0), sample_id(1)]


def test_the_picker_leads_to_one_class_pair(grid):
    grid.page.wait_for_function("() => document.querySelector('#pair').options.length > 1")
    grid.page.select_option("#pair", label="cat → dog: 7")
    grid.page.wait_for_selector(".filter-chip")
    grid.until("document.querySelectorAll('.thumbnail').length === 7")
    assert grid.page.locator(".thumbnail-labels").first.inner_text().startswith("cat → dog")


def test_nothing_selected_decides_nothing(served, grid):
    grid.page.keyboard.press("x")
    assert "No sample is selected" in grid.said()
    assert log_of(served) == []
