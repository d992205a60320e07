"""Typical samples of a class: the surest, which nobody has judged."""

import pytest
from sqlalchemy import update

from service.db.tables import Suspect
from tests.support.factories import flag_issues, make_audit, make_dataset, sample_id


@pytest.fixture
def audit_id(store):
    return make_audit(store, make_dataset(store))


@pytest.fixture
def agreed(store, audit_id):
    """The models agree with every label."""
    with store.database.write() as session:
        session.execute(update(Suspect).values(predicted_label=Suspect.given_label))
    return audit_id


def typical(client, audit_id, **query):
    return client.get(f"/v1/audits/{audit_id}/typical-samples", params=query)


def test_the_surest_come_first_and_the_suspected_never(annotator, agreed):
    found = typical(annotator, agreed, label="cat", limit=50).json()
    assert [one["sample_id"] for one in found["items"]] == [sample_id(n) for n in (27, 24, 21)]
    assert found["next_cursor"] is None
    assert found["items"][0]["content"] == {"text": "text number 27"}
    shown = typical(annotator, agreed, label="cat", limit=1).json()["items"]
    assert [one["sample_id"] for one in shown] == [sample_id(27)]


def test_what_was_judged_or_has_an_issue_is_left_out(store, annotator, agreed):
    flag_issues(store, agreed, outlier=[28])  # the rank of sample 27
    decision = {"sample_id": sample_id(24), "verdict": "keep"}
    annotator.post(f"/v1/audits/{agreed}/corrections", json={"corrections": [decision]})
    found = typical(annotator, agreed, label="cat").json()["items"]
    assert [one["sample_id"] for one in found] == [sample_id(21)]


def test_where_the_models_disagree_nothing_is_typical(annotator, audit_id):
    assert typical(annotator, audit_id, label="cat").json()["items"] == []


def test_a_class_that_is_not_there_is_refused(annotator, audit_id):
    refused = typical(annotator, audit_id, label="wolf")
    assert refused.status_code == 422
    assert "no class 'wolf'" in refused.json()["detail"]
