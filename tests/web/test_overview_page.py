"""The overview of an audit, in a real browser against the real application."""

import pytest

from service import review

pytestmark = pytest.mark.browser


@pytest.fixture
def summarised(served, audit):
    """The audit with a whole summary."""
    matrix = [[0.9, 0.1, 0.0], [0.02, 0.98, 0.0], [0.0, 0.0, 1.0]]
    rate = {"estimate": 0.08, "low": 0.04, "high": 0.2}
    with served.store.database.write() as session:
        review.newest_ranking(session, audit).summary = {
            "noise_rate": rate,
            "noise_matrix": matrix,
            "class_names": ["cat", "dog", "fox"],
            "per_class": [
                {
                    "class": name,
                    "given_count": 10,
                    "estimated_wrong_count": 10 * (1 - matrix[index][index]),
                    "noise_rate": rate,
                    "most_confused_with": "cat" if name == "dog" else None,
                }
                for index, name in enumerate(["cat", "dog", "fox"])
            ],
            "tiers": {
                "obvious": {"count": 10, "expected_precision": 0.93, "lower_bound": 0.81},
                "possible": {"count": 10, "expected_precision": 0.4, "lower_bound": 0.1},
                "none": {"count": 10, "expected_precision": None, "lower_bound": None},
            },
            "cannot_judge": ["too few samples (under 30) to judge these classes: fox"],
            "missing": [],
        }
    return audit


def test_the_overview_says_how_noisy_and_what_it_cannot_judge(visit, summarised):
    visitor = visit()
    visitor.go(f"/audits/{summarised}/overview", ".overview")
    assert "4.0% – 20%" in visitor.text(".noise-rate")
    assert "Too few samples (under 30) to judge these classes: fox." in visitor.text(".notice")
    assert "93%" in visitor.text(".tiers")
    assert "low end 81%" in visitor.text(".tiers")


def test_a_cell_of_the_noise_matrix_leads_to_its_queue(visit, summarised):
    visitor = visit()
    visitor.go(f"/audits/{summarised}/overview", ".overview")
    visitor.page.click("a[aria-label='10% of cat given as dog']")
    visitor.page.wait_for_selector(".filter-chip")
    assert "given dog" in visitor.text(".filters")
    assert "models say cat" in visitor.text(".filters")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_scrolls_sideways_on_a_phone(visit, summarised, scheme):
    phone = {"width": 390, "height": 844}
    visitor = visit(viewport=phone, color_scheme=scheme, is_mobile=True, has_touch=True)
    for path, ready in [
        ("/", ".audit"),
        (f"/audits/{summarised}", ".decision"),
        (f"/audits/{summarised}/overview", ".overview"),
    ]:
        visitor.go(path, ready)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") == phone["width"]
