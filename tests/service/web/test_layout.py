"""Where things stand on the page, measured on a phone, in a small window and at 200 % zoom."""

import pytest

from labelaudit.enums import Role
from tests.support.factories import make_dataset, summarise

pytestmark = pytest.mark.browser

PHONE = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
}
WINDOW = {"viewport": {"width": 1280, "height": 720}}
ZOOMED = {"viewport": {"width": 640, "height": 360}, "device_scale_factor": 2}
SIZES = [
    pytest.param(PHONE, id="phone"),
    pytest.param(WINDOW, id="window"),
    pytest.param(ZOOMED, id="zoomed"),
]
FINGER = 44  # pixels, WCAG 2.5.5
TEXT = "The parcel was left with a neighbour on Friday, and nobody has told us who that was."
TARGETS = ".tab, .choice, .verdict, .filters select, .me summary, .view-head .link-button"


@pytest.fixture
def summarised(served, audit):
    summarise(served.store, audit)
    return audit


def box(visitor, selector):
    return visitor.page.locator(selector).first.bounding_box()


def lines(visitor, selector):
    """How many lines the text of each match takes."""
    return visitor.page.eval_on_selector_all(
        selector,
        """found => found.map((one) => {
            const range = document.createRange();
            range.selectNodeContents(one);
            return new Set([...range.getClientRects()].map((line) => Math.round(line.bottom))).size;
        })""",
    )


def with_neighbours(page):
    """The sample that is opened has three texts beside it."""

    def answer(route):
        response = route.fetch()
        body = response.json()
        for item in body["items"]:
            item["rank"] = 12356
            item["neighbours"] = [
                {
                    "sample_id": f"near-{n}",
                    "similarity": 0.9,
                    "given_label": "a rather long label",
                    "corrected_label": None,
                    "content": {"text": TEXT},
                    "media_url": None,
                }
                for n in range(3)
            ]
        route.fulfill(response=response, json=body)

    page.route("**/queue/next", answer)


@pytest.mark.parametrize("size", SIZES)
def test_a_share_in_the_list_of_pairs_is_one_line(visit, summarised, size):
    visitor = visit(**size)
    visitor.go(f"/audits/{summarised}/overview", ".pair-list li")
    visitor.page.eval_on_selector_all(
        ".pair-list a span:not(.quiet)",
        "found => found.forEach((one) => { one.textContent = 'a_long_name'.repeat(9); })",
    )
    assert set(lines(visitor, ".pair-list li > .small")) == {1}
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("size", SIZES)
def test_texts_beside_a_sample_can_be_read_and_its_rank_is_one_line(visit, audit, size):
    visitor = visit(**size)
    with_neighbours(visitor.page)
    visitor.review(audit)
    cut = visitor.page.eval_on_selector_all(
        ".neighbour-text",
        "found => found.map((one) => one.scrollHeight > one.clientHeight + 1"
        " || one.scrollWidth > one.clientWidth + 1)",
    )
    assert cut == [False] * 3
    assert visitor.text(".evidence-head > .quiet") == "rank 12,356"
    assert lines(visitor, ".evidence-head > .quiet") == [1]
    words, bar = box(visitor, ".p-wrong p"), box(visitor, ".p-wrong .band")
    assert words["y"] + words["height"] <= bar["y"]


def test_header_and_footer_leave_most_of_the_height_at_200_percent(visit, summarised):
    height = ZOOMED["viewport"]["height"]
    visitor = visit(**ZOOMED)
    visitor.review(summarised)
    top, bottom = box(visitor, ".filters"), box(visitor, ".verdicts")
    assert bottom["y"] - (top["y"] + top["height"]) > 0.5 * height
    assert bottom["y"] - box(visitor, ".sample")["y"] > 0.35 * height
    visitor.go(f"/audits/{summarised}/grid", ".thumbnail")
    assert box(visitor, ".grid-bar")["height"] < 0.25 * height
    visitor.page.mouse.wheel(0, 400)
    visitor.until("scrollY > 100")
    assert box(visitor, "#top")["y"] < 0  # the header scrolls away


def test_the_sample_is_in_sight_on_a_phone_and_fingers_hit_what_they_aim_at(visit, summarised):
    visitor = visit(**PHONE)
    visitor.review(summarised)
    assert box(visitor, ".sample")["y"] < 240
    small = visitor.page.eval_on_selector_all(
        TARGETS,
        """(found, least) => found.map((one) => [one.textContent, one.getBoundingClientRect()])
            .filter(([, place]) => place.height < least || place.width < least)
            .map(([text, place]) => [text, place.width, place.height])""",
        FINGER,
    )
    assert small == []


@pytest.mark.parametrize("size", SIZES)
def test_back_leads_to_where_the_overview_was_left(visit, summarised, size):
    visitor = visit(**size)
    visitor.go(f"/audits/{summarised}/overview", "table.classes")
    visitor.page.locator("table.classes").evaluate("one => one.scrollIntoView()")
    visitor.until("scrollY > 300")
    before = box(visitor, "table.classes")["y"]
    visitor.page.click("table.classes a")
    visitor.page.wait_for_selector(".filter-chip")
    visitor.page.go_back()
    visitor.page.wait_for_selector("table.classes")
    visitor.until("scrollY > 300")
    assert abs(box(visitor, "table.classes")["y"] - before) < 120


def test_an_audit_that_was_started_is_no_longer_the_main_thing_to_do(served, visit):
    make_dataset(served.store)
    visitor = visit(role=Role.uploader)
    assert visitor.text(".dataset .button.primary") == "Start audit"
    visitor.page.click("text=Start audit")
    visitor.page.click("dialog [type=submit]")
    visitor.page.wait_for_selector(".audit")
    assert visitor.page.locator(".dataset-head .button.primary").count() == 0
    assert visitor.text(".dataset-head .button:last-child") == "Audit again"
