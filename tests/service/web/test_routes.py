"""How the page and its files are served."""

import re
from importlib.resources import files

import pytest

STATIC = files("service.web") / "static"
PAGES = ["/", "/audits/au_1", "/audits/au_1/grid", "/audits/au_1/overview"]


@pytest.fixture
def database_url(sqlite_url):
    """These routes never touch the database, so one kind is enough."""
    return sqlite_url


@pytest.mark.parametrize("path", [*PAGES, "/static/app.js", "/static/icon.svg"])
def test_everything_served_forbids_what_it_does_not_need(anonymous, path):
    headers = anonymous.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", PAGES)
def test_the_page_has_no_script_or_style_of_its_own(anonymous, path):
    page = anonymous.get(path).text
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", page) == []


def test_a_file_the_browser_has_already_is_not_sent_again(anonymous):
    first = anonymous.get("/static/app.js")
    again = anonymous.get("/static/app.js", headers={"If-None-Match": first.headers["etag"]})
    assert first.headers["content-type"].startswith("text/javascript")
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["none.js", "..%2froutes.py", "%2e%2e/templates/page.html", ""])
def test_only_static_files_are_served(anonymous, name):
    answer = anonymous.get(f"/static/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_mistyped_address_shows_a_person_the_page_and_a_program_a_problem(anonymous):
    person = anonymous.get("/audit/au_1", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (person.status_code, person.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert person.text == anonymous.get("/").text
    for path, accepts in (("/audit/au_1", "*/*"), ("/v1/nothing", "text/html")):
        program = anonymous.get(path, headers={"Accept": accepts})
        assert program.status_code == 404
        assert program.headers["content-type"] == "application/problem+json"


def test_the_page_is_no_part_of_the_documented_api(anonymous):
    assert not [path for path in anonymous.get("/openapi.json").json()["paths"] if "static" in path]


def test_nothing_is_loaded_from_another_host():
    for file in STATIC.iterdir():
        addresses = set(re.findall(r"https?://[^\s\"'`)]+", file.read_text(encoding="utf-8")))
        assert addresses <= {"http://www.w3.org/2000/svg"}, file.name


def test_no_script_turns_text_into_markup():
    markup = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|Function\("
    )
    for file in STATIC.iterdir():
        assert not markup.search(file.read_text(encoding="utf-8")), file.name
