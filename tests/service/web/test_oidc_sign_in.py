"""The way to the organisation's own sign-in and back, in a real browser."""

import pytest

from labelaudit.enums import Role
from tests.service.web.test_access import faults_in_both
from tests.support import oidc_provider

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def running_provider():
    with oidc_provider.running() as provider:
        yield provider


@pytest.fixture
def settings_at(running_provider):
    running_provider.set(claims={}, lie=None)
    return running_provider.settings


@pytest.fixture
def stranger(visit, audit, running_provider):
    """Somebody who opens a link to an audit and is not signed in."""
    visitor = visit(token="la_unknown_key")
    visitor.expected += ["401", "403", f"another host: {running_provider.issuer}/"]
    visitor.page.goto(f"{visitor.url}/audits/{audit}?tier=obvious")
    visitor.page.wait_for_selector(".sign-in")
    return visitor


def through_the_provider(visitor) -> None:
    visitor.page.click("text=Sign in with Example")
    visitor.page.click("text=Continue as Ann")


def test_both_ways_in_can_be_used_by_everybody(stranger):
    stranger.page.wait_for_selector("text=Sign in with Example")
    assert faults_in_both(stranger.page) == []


def test_one_click_there_leads_back_to_where_one_was(stranger, audit):
    through_the_provider(stranger)
    stranger.page.wait_for_selector(".decision")
    assert stranger.page.url == f"{stranger.url}/audits/{audit}?tier=obvious"
    assert stranger.text(".me summary") == "Ann Example"
    assert stranger.page.evaluate("() => document.cookie") == ""
    stranger.page.click(".me summary")
    stranger.page.click("text='Sign out'")
    stranger.page.wait_for_selector(".sign-in")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"lie": "wrong nonce"}, "The sign-in was refused"),
        ({"lie": "access denied"}, "did not sign you in"),
        ({"claims": {"groups": []}}, "None of your groups gives you a role here"),
    ],
)
def test_a_refusal_is_told_in_words_and_leaves_nothing_in_the_address(
    stranger, running_provider, change, told
):
    running_provider.set(**change)
    through_the_provider(stranger)
    stranger.page.wait_for_selector(".sign-in .field-error:not(:empty)")
    assert told in stranger.text(".field-error")
    assert stranger.page.url == f"{stranger.url}/sign-in"


def test_a_key_still_gets_in(stranger, served):
    stranger.page.fill("#key", served.key(Role.uploader, "Ben"))
    stranger.page.click("text=Continue")
    stranger.page.wait_for_selector(".me")
    assert stranger.text(".me summary") == "Ben"
