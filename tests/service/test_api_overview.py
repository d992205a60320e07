"""What the overview shows beside the summary."""

from tests.factories import make_audit, make_dataset


def test_class_pairs_are_counted_with_the_fullest_first(annotator, store):
    audit = make_audit(store, make_dataset(store), decided=[0])
    pairs = annotator.get(f"/v1/audits/{audit}/pairs").json()["pairs"]
    assert pairs == [
        {"given_label": "dog", "predicted_label": "fox", "open": 7, "total": 7},
        {"given_label": "cat", "predicted_label": "dog", "open": 6, "total": 7},
        {"given_label": "fox", "predicted_label": "cat", "open": 6, "total": 6},
    ]
    query = {"tier": "obvious", "limit": 1}
    assert len(annotator.get(f"/v1/audits/{audit}/pairs", params=query).json()["pairs"]) == 1
