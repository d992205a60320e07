"""Two people review an audit; a certificate fixes the rest; the dataset is exported."""

from typing import Any

from tests.service.api.examples.animals import OTHER
from tests.service.api.examples.call import Call
from tests.service.api.examples.walk import Walk, work

JUDGED_AT_ONCE, ROUNDS = 3, 15


def verdict(item: dict[str, Any]) -> dict[str, Any]:
    """What somebody says who knows that the other class is right."""
    return {
        "sample_id": item["sample_id"],
        "verdict": "relabel",
        "corrected_label": OTHER[item["given_label"]],
        "lease_id": item["lease"]["lease_id"],
    }


def judge(walk: Walk) -> None:
    """Judge what the certificate asks for, until it asks for no more."""
    ask = Call(
        "POST /v1/audits/{audit_id}/certificates/{certificate_id}/next",
        json={"count": JUDGED_AT_ONCE},
        shown=False,
    )
    for _ in range(ROUNDS):
        items = walk.make(ask).json()["items"]
        if not items:
            return
        body = {"corrections": [verdict(item) for item in items]}
        walk.make(Call("POST /v1/audits/{audit_id}/corrections", json=body, shown=False))
    raise AssertionError("the certificate wants too many verdicts")


CALLS = (
    Call(
        "PUT /v1/audits/{audit_id}/review-settings",
        json={"opinions": 1, "adjudicators": ["{ann_id}"]},
    ),
    Call("GET /v1/audits/{audit_id}/review-settings"),
    Call("GET /v1/audits/{audit_id}/people"),
    Call(
        "POST /v1/audits/{audit_id}/assignments",
        json={"name": "Cats that may be dogs", "people": ["{ben_id}"], "given_label": "cat"},
        saves={"assignment_id": "id"},
    ),
    Call("GET /v1/audits/{audit_id}/assignments"),
    Call("GET /v1/audits/{audit_id}/assignments/{assignment_id}"),
    Call(
        "POST /v1/audits/{audit_id}/queue/next",
        by="Ben",
        json={"count": 1},
        saves={"leased_id": "items.0.sample_id", "lease_id": "items.0.lease.lease_id"},
    ),
    Call(
        "POST /v1/audits/{audit_id}/queue/renew",
        by="Ben",
        json={"sample_id": "{leased_id}", "lease_id": "{lease_id}"},
    ),
    Call(
        "POST /v1/audits/{audit_id}/corrections",
        by="Ben",
        headers={"Idempotency-Key": "ben-0001"},
        json={
            "corrections": [
                {
                    "sample_id": "{leased_id}",
                    "verdict": "accept_suggestion",
                    "lease_id": "{lease_id}",
                    "note": "Far too heavy for a cat.",
                },
                {"sample_id": "animal-0001", "verdict": "keep"},
            ]
        },
        saves={"batch_id": "batch_id", "correction_id": "items.1.id"},
    ),
    Call(
        "POST /v1/audits/{audit_id}/queue/next",
        by="Ben",
        saves={"other_id": "items.0.sample_id", "lease_id": "items.0.lease.lease_id"},
        shown=False,
    ),
    Call(
        "POST /v1/audits/{audit_id}/queue/release",
        by="Ben",
        json={"sample_id": "{other_id}", "lease_id": "{lease_id}"},
    ),
    Call("GET /v1/audits/{audit_id}/corrections", query={"batch_id": "{batch_id}", "limit": 2}),
    Call("GET /v1/audits/{audit_id}/corrections/{correction_id}"),
    Call("GET /v1/audits/{audit_id}/own-decisions", by="Ben"),
    Call(
        "POST /v1/audits/{audit_id}/reverts",
        json={"correction_id": "{correction_id}"},
        saves={"revert_id": "id"},
    ),
    Call("GET /v1/audits/{audit_id}/reverts"),
    Call("GET /v1/audits/{audit_id}/reverts/{revert_id}"),
    Call(
        "POST /v1/datasets/{dataset_id}/samples/{sample_id}/comments",
        by="Ben",
        where={"sample_id": "{leased_id}"},
        json={"text": "I asked the vet: it is a dog."},
    ),
    Call(
        "GET /v1/datasets/{dataset_id}/samples/{sample_id}/comments",
        where={"sample_id": "{leased_id}"},
    ),
    Call(
        "GET /v1/datasets/{dataset_id}/samples/{sample_id}/history",
        where={"sample_id": "{leased_id}"},
    ),
    Call("POST /v1/audits/{audit_id}/rankings", saves={"number": "number"}),
    work,
    Call("GET /v1/audits/{audit_id}/rankings"),
    Call("GET /v1/audits/{audit_id}/rankings/{number}"),
    Call(
        "POST /v1/audits/{audit_id}/certificates",
        json={"goal": "suggestion_right", "level": 0.8},
        saves={"certificate_id": "id"},
    ),
    Call(
        "POST /v1/audits/{audit_id}/certificates/{certificate_id}/next",
        json={"count": 1},
        saves={"judged": "items"},
    ),
    lambda walk: walk.make(
        Call(
            "POST /v1/audits/{audit_id}/corrections",
            json={"corrections": [verdict(item) for item in walk.known["judged"]]},
            shown=False,
        )
    ),
    judge,
    Call("GET /v1/audits/{audit_id}/certificates/{certificate_id}"),
    Call("POST /v1/audits/{audit_id}/certificates/{certificate_id}/apply", json={"level": 0.8}),
    Call("GET /v1/audits/{audit_id}/certificates"),
    Call("GET /v1/audits/{audit_id}/findings"),
    Call("GET /v1/audits/{audit_id}/team"),
    Call(
        "POST /v1/datasets/{dataset_id}/exports",
        headers={"Idempotency-Key": "animals-corrected"},
        json={"format": "csv"},
        saves={"export_id": "id"},
    ),
    work,
    Call("GET /v1/exports", query={"dataset_id": "{dataset_id}", "limit": 1}),
    Call("GET /v1/exports/{export_id}"),
    Call("GET /v1/exports/{export_id}/file"),
)
