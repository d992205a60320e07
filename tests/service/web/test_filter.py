"""The filter by class and score: in a dialog, in the address, and in what is served."""

import pytest

from tests.service.web.test_access import faults_in_both

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("view", "ready"), [("", ".decision"), ("/grid", ".thumbnail")])
def test_a_filter_counts_before_it_is_chosen_and_lives_in_the_address(visit, audit, view, ready):
    visitor = visit()
    visitor.go(f"/audits/{audit}{view}", ready)
    visitor.page.keyboard.press("f")
    visitor.page.wait_for_selector(".filter-count >> text=20 open samples match")
    assert faults_in_both(visitor.page) == []
    visitor.page.fill("#filter-given", "cat")
    visitor.page.fill("#filter-from", "60")
    visitor.page.wait_for_selector(".filter-count >> text=4 open samples match")
    visitor.page.click("text=Show these")
    visitor.page.wait_for_selector("#matches >> text=4 open samples match")
    assert visitor.page.url.endswith("?given_label=cat&p_wrong_from=0.6")
    visitor.page.reload()  # what a colleague sees who opens the same address
    visitor.page.wait_for_selector(".filter-chip >> text=probably wrong from 60%")
    assert visitor.page.locator(".filter-chip").count() == 2
    visitor.page.click(".filter-chip >> text=given cat")
    visitor.page.wait_for_selector("#matches >> text=12 open samples match")


def test_the_grid_shows_what_the_filter_leaves(visit, audit):
    visitor = visit()
    visitor.go(f"/audits/{audit}/grid?p_wrong_from=0.5&p_wrong_to=0.8", ".thumbnail")
    visitor.until("document.querySelectorAll('.thumbnail').length === 9")


def test_a_class_that_is_not_there_is_said_before_anything_is_asked(visit, audit):
    visitor = visit()
    visitor.review(audit)
    visitor.page.click("text=Filter (f)")
    visitor.page.fill("#filter-predicted", "wolf")
    visitor.page.wait_for_selector("text=The dataset has no class of this name.")
    visitor.page.click("text=Show these")
    assert visitor.page.locator(".filter-form").count() == 1
    visitor.page.click("text=Clear")
    visitor.page.wait_for_selector(".filter-count >> text=20 open samples match")
