"""Every view judged by axe-core, in light and in dark: nothing serious, nothing critical."""

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe

from service.models import Role
from tests.factories import flag_issues, make_dataset, summarise

pytestmark = pytest.mark.browser

GRAVE = ("serious", "critical")


@pytest.fixture
def summarised(served, audit):
    summarise(served.store, audit)
    flag_issues(served.store, audit, outlier=[1, 4], ambiguous=[2])
    return audit


def faults(page):
    """(rule, selector) of every grave finding on the page as it stands."""
    violations = Axe().run(page).response["violations"]
    return [
        (violation["id"], node["target"])
        for violation in violations
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    return request.param


def test_the_form_to_sign_in(served, visit, scheme):
    visitor = visit(color_scheme=scheme)
    visitor.page.click(".me summary")
    visitor.page.click("text='Sign out'")
    visitor.page.wait_for_selector(".sign-in")
    assert faults(visitor.page) == []


def test_datasets_and_the_dialogs_over_them(served, visit, scheme, audit):
    make_dataset(served.store)
    visitor = visit(role=Role.uploader, color_scheme=scheme)
    visitor.page.wait_for_selector(".understood[open]")
    assert faults(visitor.page) == []
    visitor.page.click("text=People … >> nth=0")
    visitor.page.wait_for_selector("#share-all")
    assert faults(visitor.page) == []
    visitor.page.keyboard.press("Escape")
    visitor.page.click("text=Start audit")
    visitor.page.click("dialog summary")
    visitor.page.wait_for_selector("#objective")
    assert faults(visitor.page) == []


@pytest.mark.parametrize(
    ("key", "expected"),
    [(None, ".chart, .evidence"), ("?", "dialog .keys"), ("/", "dialog .found")],
)
def test_the_queue(visit, summarised, scheme, key, expected):
    visitor = visit(color_scheme=scheme)
    visitor.review(summarised)
    if key:
        visitor.page.keyboard.press(key)
    visitor.page.wait_for_selector(expected)
    assert faults(visitor.page) == []


def test_the_grid(visit, summarised, scheme):
    visitor = visit(color_scheme=scheme)
    visitor.go(f"/audits/{summarised}/grid", ".tile")
    visitor.page.click(".tile")
    assert faults(visitor.page) == []


def test_the_overview_with_its_pictures(visit, summarised, scheme):
    visitor = visit(color_scheme=scheme)
    visitor.go(f"/audits/{summarised}/overview", ".plot.findings img")
    assert faults(visitor.page) == []


@pytest.mark.parametrize("view", ["", "/grid"])
def test_the_end_of_the_queue(visit, summarised, scheme, view):
    visitor = visit(color_scheme=scheme)
    visitor.go(f"/audits/{summarised}{view}?queue=skipped", ".blank.end")
    assert faults(visitor.page) == []


def test_the_report(served, visit, summarised, scheme):
    headers = {"Authorization": f"Bearer {served.key()}"}
    report = httpx.get(
        f"{served.url}/v1/audits/{summarised}/report.html", headers=headers, timeout=60
    )
    visitor = visit(color_scheme=scheme)
    visitor.page.route(
        "**/report", lambda route: route.fulfill(body=report.text, content_type="text/html")
    )
    visitor.page.goto(f"{served.url}/report")
    assert "Label audit" in visitor.text("header")
    assert faults(visitor.page) == []
