"""The grid of samples similar to one, and the search for words, in a real browser."""

import pytest

from tests.service.web.test_access import faults_in_both
from tests.support.factories import find_nearest, sample_id

pytestmark = pytest.mark.browser

SHOWN = "found => found.map((one) => one.dataset.id)"
WRITTEN = "!Object.keys(sessionStorage).some((name) => name.startsWith('labelaudit.outbox'))"


@pytest.fixture
def near(served, audit):
    """The samples nearest to sample 4 are 7, 2 and 25."""
    find_nearest(served.store, audit, {4: [7, 2, 25]})
    return audit


def test_similar_samples_are_decided_together(served, visit, near):
    visitor = visit()
    visitor.review(near, f"?sample={sample_id(4)}")
    visitor.page.wait_for_selector(".neighbours >> text=Decide them together (m)")
    visitor.page.keyboard.press("m")
    visitor.until("document.querySelectorAll('.thumbnail').length === 4")
    assert visitor.page.url.endswith(f"/grid?queue=all&similar_to={sample_id(4)}")
    assert visitor.page.eval_on_selector_all(".thumbnail", SHOWN) == [
        sample_id(number) for number in (4, 7, 2, 25)
    ]
    visitor.page.wait_for_selector("#matches >> text=4 open samples match")
    assert faults_in_both(visitor.page) == []
    visitor.page.click(f".thumbnail[data-id={sample_id(7)}]")
    visitor.page.click(f".thumbnail[data-id={sample_id(25)}]")
    visitor.page.keyboard.press("1")
    visitor.page.wait_for_selector(".similar >> text=2 similar samples are not open")
    assert visitor.page.locator(".thumbnail").count() == 2
    labels = visitor.page.eval_on_selector_all(
        ".similar-labels", "found => found.map((one) => one.textContent)"
    )
    assert labels == ["dog", "dog → cat", "dog → cat"]
    visitor.page.keyboard.press("u")
    visitor.until("!document.querySelector('.similar').textContent.includes('not open')")
    visitor.until(WRITTEN)
    visitor.page.set_viewport_size({"width": 390, "height": 800})
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_grid_opens_what_resembles_a_selected_sample(visit, near):
    visitor = visit()
    visitor.go(f"/audits/{near}/grid", ".thumbnail")
    visitor.page.keyboard.press("m")
    assert "Select one sample" in visitor.said()
    visitor.page.click(f".thumbnail[data-id={sample_id(4)}]")
    visitor.page.keyboard.press("m")
    visitor.page.wait_for_selector(".similar-card")
    assert visitor.page.url.endswith(f"?queue=all&similar_to={sample_id(4)}")


def test_without_nearest_samples_the_key_says_so(visit, audit):
    visitor = visit()
    visitor.review(audit)
    visitor.page.keyboard.press("m")
    assert "This audit kept no nearest samples" in visitor.said()


@pytest.mark.parametrize(("view", "ready"), [("", ".decision"), ("/grid", ".thumbnail")])
def test_words_are_searched_for_in_queue_and_grid(visit, audit, view, ready):
    visitor = visit()
    visitor.go(f"/audits/{audit}{view}", ready)
    visitor.page.keyboard.press("f")
    visitor.page.fill("#filter-search", "NUMBER 17")
    visitor.page.wait_for_selector(".filter-count >> text=1 open sample matches")
    visitor.page.click("text=Show these")
    visitor.page.wait_for_selector(".filter-chip >> text=contains NUMBER 17")
    assert visitor.page.url.endswith("?search=NUMBER+17")
    visitor.page.wait_for_selector(f"{ready} >> nth=0")
    assert "text number 17" in visitor.text("#main")
    visitor.page.click(".filter-chip")
    visitor.page.wait_for_selector(ready)
    assert visitor.page.locator(".filter-chip").count() == 0
