"""The overview of an audit, in a real browser against the real application."""

import pytest

from tests.support.factories import find_groups, flag_issues, sample_id, summarise

pytestmark = pytest.mark.browser


@pytest.fixture
def summarised(served, audit):
    """The audit with a whole summary."""
    summarise(served.store, audit)
    return audit


def test_the_overview_says_how_noisy_and_what_it_cannot_judge(visit, summarised):
    visitor = visit()
    visitor.go(f"/audits/{summarised}/overview", ".overview")
    assert "4.0% – 20%" in visitor.text(".noise-rate")
    assert "Too few samples (under 30) to judge these classes: fox." in visitor.text(".notice")
    assert "93%" in visitor.text(".tiers")
    assert "lower bound 81%" in visitor.text(".tiers")
    assert "Reviewing 34 random samples can show that at least 90% of 412" in visitor.text(
        ".overview-top"
    )


def test_a_cell_of_the_noise_matrix_leads_to_its_queue(visit, summarised):
    visitor = visit()
    visitor.go(f"/audits/{summarised}/overview", ".overview")
    visitor.page.click("a[aria-label='dog → cat: 10% of cat']")
    visitor.page.wait_for_selector(".filter-chip")
    assert "given dog" in visitor.text(".filters")
    assert "predicted cat" in visitor.text(".filters")


def test_an_issue_leads_to_its_queue_and_the_queue_chooser_counts_them(served, visit, summarised):
    flag_issues(served.store, summarised, outlier=[25, 29], conflicting_duplicate=[2])
    visitor = visit()
    visitor.go(f"/audits/{summarised}/overview", ".issue-list")
    assert visitor.page.locator("[data-issue]").count() == 2  # none leads to an empty queue
    visitor.page.click("[data-issue=outlier]")
    visitor.page.wait_for_selector(".decision")
    assert visitor.text(".sample-id") == sample_id(24)
    assert "outlier" in visitor.text(".evidence-head")
    assert "Outliers (2)" in visitor.text("#queue")
    for _ in range(2):
        visitor.press("k")
    visitor.page.wait_for_selector(".blank.end")
    assert "All done here" in visitor.text(".blank.end")
    visitor.page.select_option("#queue", "conflicting_duplicate")
    visitor.page.wait_for_selector(".decision")
    assert visitor.text(".sample-id") == sample_id(1)


def test_what_was_found_about_the_dataset_is_listed_with_its_groups(served, visit, summarised):
    visitor = visit()
    visitor.go(f"/audits/{summarised}/overview", ".overview")
    assert not visitor.page.locator(".checks").count()
    find_groups(served.store, summarised)
    visitor.go(f"/audits/{summarised}/overview", ".checks")
    assert "In region = south, predictions" in visitor.text("[data-check=underperforming_group]")
    assert visitor.page.locator(".checks li").count() == 1  # what found nothing is not listed
    row = visitor.text(".checks tbody tr")
    for shown in ("region = south", "300", "58% (52% to 63%)", "90%", "s001, s004"):
        assert shown in row


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_scrolls_sideways_on_a_phone(served, visit, summarised, scheme):
    phone = {"width": 390, "height": 844}
    find_groups(served.store, summarised)
    visitor = visit(viewport=phone, color_scheme=scheme, is_mobile=True, has_touch=True)
    for path, ready in [
        ("/", ".audit"),
        (f"/audits/{summarised}", ".decision"),
        (f"/audits/{summarised}/overview", ".overview"),
    ]:
        visitor.go(path, ready)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") == phone["width"]


def test_the_pictures_are_the_servers_and_follow_the_colours(visit, summarised):
    visitor = visit(color_scheme="dark")
    asked = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.go(f"/audits/{summarised}/overview", ".plot.findings img")
    assert any(url.endswith("/plots/findings.svg?theme=dark") for url in asked)
    with visitor.page.expect_request("**/plots/findings.svg?theme=light"):
        visitor.page.emulate_media(color_scheme="light")


def test_a_point_of_the_data_map_opens_its_sample(visit, summarised):
    visitor = visit()
    visitor.go(f"/audits/{summarised}/overview", ".plot.data_map")
    visitor.page.locator(".plot.data_map").scroll_into_view_if_needed()
    visitor.page.wait_for_selector(".plot.data_map img")
    place = visitor.page.locator(".map-overlay").bounding_box()
    # the worst sample: confidence 0, variability 0, at the lower left corner of the axes
    at = {"x": place["width"] * 0.1, "y": place["height"] * (0.09 + 0.78)}
    visitor.page.hover(".map-overlay", position=at)
    visitor.page.wait_for_selector(".map-label:not([hidden])")
    assert visitor.text(".map-label").startswith("sample-00000, given cat")
    visitor.page.click(".map-overlay", position=at)
    visitor.page.wait_for_selector(".decision")
    assert visitor.text(".sample-id") == "sample-00000"


def test_verdicts_appear_beside_what_the_tiers_promised(visit, summarised):
    visitor = visit()
    visitor.review(summarised)
    for key in "ak":
        visitor.press(key)
    visitor.until("!Object.keys(sessionStorage).some((n) => n.startsWith('labelaudit.outbox'))")
    visitor.go(f"/audits/{summarised}/overview", ".overview")
    assert "1 of 2" in visitor.text(".tiers")
    assert "1 error found in 2 reviewed: 50 per 100" in visitor.text(".overview")
