"""Every view judged by axe-core, in light and in dark: nothing serious, nothing critical."""

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlalchemy import select

from labelaudit.enums import Role
from service.db.tables import Dataset
from tests.support.factories import (
    flag_issues,
    make_audit,
    make_dataset,
    summarise,
)

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


def faults_in_both(page):
    """The same in light and in dark, of a page that stands as a test has brought it there."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += [(scheme, *fault) for fault in faults(page)]
    return found


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
    visitor.page.wait_for_selector(".detected-columns[open]")
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
    visitor.go(f"/audits/{summarised}/grid", ".thumbnail")
    visitor.page.click(".thumbnail")
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


def test_the_export_dialog_and_what_it_offers(served, visit, summarised, scheme):
    visitor = visit(role=Role.uploader, color_scheme=scheme)
    visitor.go(f"/audits/{summarised}/overview", ".overview")
    visitor.page.click("text=Export the corrected dataset …")
    visitor.page.wait_for_selector("dialog .choice-line")
    assert faults(visitor.page) == []
    with visitor.page.expect_response("**/exports"):
        visitor.page.click("dialog [type=submit]")
    served.work()
    visitor.page.wait_for_selector("dialog >> text=Export again")
    assert faults(visitor.page) == []


def test_a_row_of_a_table(served, visit):
    rows = "".join(f"{n},{n % 7},{n % 3}.5,{'ab'[n % 2]}\n" for n in range(40))
    content = f"id,height,girth,label\n{rows}".encode()
    visitor = visit(role=Role.uploader)
    with visitor.page.expect_response(lambda answer: answer.request.method == "POST"):
        visitor.page.set_input_files(
            "#file", {"name": "trees.csv", "mimeType": "text/csv", "buffer": content}
        )
    served.work()
    visitor.page.wait_for_selector(".detected-columns")
    with served.store.database.read() as session:
        dataset_id = session.scalars(select(Dataset.id)).one()
    visitor.review(make_audit(served.store, dataset_id))
    visitor.page.wait_for_selector(".sample-row")
    assert "height" in visitor.text(".sample")
    assert faults_in_both(visitor.page) == []


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
