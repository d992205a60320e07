"""Typical examples of two classes side by side, in a real browser."""

import pytest
from sqlalchemy import update

from service.db.tables import Suspect
from tests.service.web.test_access import faults_in_both

pytestmark = pytest.mark.browser


def test_typical_examples_of_both_classes_open_by_key_and_by_button(served, visit, audit):
    with served.store.database.write() as session:
        agree = update(Suspect).where(Suspect.rank > 20, Suspect.given_label == 1)
        session.execute(agree.values(predicted_label=1))
    visitor = visit()
    visitor.review(audit)
    visitor.page.keyboard.press("t")
    visitor.page.wait_for_selector(".typical section >> nth=1 >> text=text number 28")
    assert visitor.text(".typical section:nth-child(1) h3") == "cat (given)"
    visitor.page.wait_for_selector(".typical section >> nth=0 >> text=sure of no sample")
    assert visitor.text(".typical section:nth-child(2) h3") == "dog (suggested)"
    assert visitor.page.locator(".typical li").count() == 3
    assert faults_in_both(visitor.page) == []
    visitor.page.set_viewport_size({"width": 390, "height": 800})
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    visitor.page.keyboard.press("Escape")
    visitor.page.click("text=Typical examples (t)")
    visitor.page.wait_for_selector(".typical li")
