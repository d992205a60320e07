"""Certificates over HTTP, from Python and from the command line."""

import pytest
from starlette.testclient import TestClient

from tests.support.factories import Store, make_audit, make_dataset

BLIND = {"sample_id", "position", "given_label", "state", "content", "media_url", "lease"}


@pytest.fixture
def path(store: Store) -> str:
    return f"/v1/audits/{make_audit(store, make_dataset(store, samples=60))}"


def test_judge_apply_and_revert(uploader: TestClient, path: str) -> None:
    opened = uploader.post(f"{path}/certificates", json={"level": 0.8})
    assert opened.status_code == 201, opened.text
    certificate = f"{path}/certificates/{opened.json()['id']}"
    classes = ("cat", "dog", "fox")
    served = set()
    while len(served) < 30:
        (item,) = uploader.post(f"{certificate}/next").json()["items"] or [None]
        if item is None:
            break
        assert set(item) == BLIND
        served.add(item["sample_id"])
        verdict = {
            "sample_id": item["sample_id"],
            "verdict": "relabel",
            "corrected_label": classes[(item["position"] + 1) % 3],
            "lease_id": item["lease"]["lease_id"],
        }
        answer = uploader.post(f"{path}/corrections", json={"corrections": [verdict]})
        assert answer.status_code == 201, answer.text
    state = uploader.get(certificate).json()
    promised = next(one for one in state["promises"] if one["level"] == 0.8)
    assert (state["judged"], promised["wrong"]) == (len(served), 0)
    assert promised["right_at_least"] >= 0.8 * promised["size"]
    applied = uploader.post(f"{certificate}/apply", json={"level": 0.8}).json()
    assert applied["applied"] == promised["unjudged"]
    rows = uploader.get(f"{path}/corrections", params={"limit": 1000}).json()["items"]
    certified = [row for row in rows if row["certificate_id"] == state["id"]]
    assert {row["batch_id"] for row in certified} == {applied["batch_id"]}
    assert state["id"] in uploader.get(f"{path}/report.html").text
    undone = uploader.post(f"{path}/reverts", json={"batch_id": applied["batch_id"]}).json()
    assert undone["reverted"] == len(certified)
    assert [one["id"] for one in uploader.get(f"{path}/certificates").json()["items"]] == [
        state["id"]
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"level": 0.85}, "0.8, 0.9, 0.95"),
        ({"goal": "both"}, "label_wrong"),
        ({"tier": []}, "tier"),
    ],
)
def test_what_cannot_be_promised_is_refused(
    uploader: TestClient, path: str, body: dict[str, object], words: str
) -> None:
    answer = uploader.post(f"{path}/certificates", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert words in answer.text


def test_an_unknown_class_is_named(uploader: TestClient, path: str) -> None:
    answer = uploader.post(f"{path}/certificates", json={"given_label": "elk"})
    assert answer.status_code == 422
    assert "elk" in answer.text
    assert uploader.get(f"{path}/certificates").json()["items"] == []
