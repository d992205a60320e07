"""An audit, from its start to its classifier."""

from labelaudit.enums import JobStatus, JobType
from service.audits import predictions
from service.db.tables import Job
from tests.service.api.examples.call import Call
from tests.service.api.examples.walk import Walk, work


def answer_later(walk: Walk) -> None:
    """Have the same predictions under a number, as those of texts would be, whose encoder takes
    longer than the rest of the walk."""
    audit_id, worker = walk.known["audit_id"], walk.worker
    number = predictions.write_texts(worker.storage, audit_id, ["purrs on the sofa"])
    predictions.write_answers(worker.storage, audit_id, number, walk.known["predictions"])
    with worker.database.write() as session:
        predictions.enqueue(session, audit_id, number)
        session.flush()
        job = session.get_one(Job, (audit_id, JobType.predict, number))
        job.status = JobStatus.completed
    walk.known["number"] = number


CALLS = (
    Call("GET /v1/objectives", query={"limit": 1}),
    Call("GET /v1/encoders", query={"limit": 1}),
    Call(
        "POST /v1/datasets/{dataset_id}/audits",
        headers={"Idempotency-Key": "animals-first-audit"},
        json={"objective": "gce", "replicas": 4, "epochs": 10},
        saves={"audit_id": "id"},
    ),
    work,
    Call(
        "POST /v1/datasets/{dataset_id}/audits",
        json={"replicas": 16},
        saves={"second_id": "id"},
        shown=False,
    ),
    Call("POST /v1/audits/{audit_id}/cancel", where={"audit_id": "{second_id}"}),
    Call("DELETE /v1/audits/{audit_id}", where={"audit_id": "{second_id}"}),
    Call("GET /v1/audits", query={"dataset_id": "{dataset_id}", "status": ["completed"]}),
    Call("GET /v1/audits/{audit_id}"),
    Call("GET /v1/audits/{audit_id}/events", lines=8),
    Call("GET /v1/audits/{audit_id}/summary"),
    Call(
        "GET /v1/audits/{audit_id}/suspects",
        query={"tier": ["obvious", "possible"], "limit": 2},
        saves={"suspect_id": "items.0.sample_id"},
    ),
    Call("GET /v1/audits/{audit_id}/suspects.{format}", where={"format": "csv"}, lines=3),
    Call("GET /v1/audits/{audit_id}/suspects/{sample_id}", where={"sample_id": "{suspect_id}"}),
    Call(
        "GET /v1/audits/{audit_id}/suspects/{sample_id}/neighbours",
        where={"sample_id": "{suspect_id}"},
        query={"limit": 2},
    ),
    Call("GET /v1/audits/{audit_id}/class-pairs"),
    Call("GET /v1/audits/{audit_id}/typical-samples", query={"label": "cat", "limit": 2}),
    Call("GET /v1/audits/{audit_id}/data-map"),
    Call(
        "GET /v1/audits/{audit_id}/plots/{name}.{format}",
        where={"name": "tiers", "format": "svg"},
        query={"theme": "light"},
    ),
    Call("GET /v1/audits/{audit_id}/report.html", lines=7),
    Call("GET /v1/audits/{audit_id}/arrays/{name}.npz", where={"name": "pred_probs"}),
    Call("GET /v1/audits/{audit_id}/classifier"),
    Call("GET /v1/audits/{audit_id}/classifier/{file}", where={"file": "model.json"}),
    Call(
        "POST /v1/audits/{audit_id}/predict",
        json={
            "rows": [
                {"weight_kg": 3.9, "shoulder_cm": 24.5, "ear_cm": 5.8},
                {"weight_kg": 31.0, "shoulder_cm": 62.0, "ear_cm": 12.1},
            ]
        },
        saves={"predictions": "predictions"},
    ),
    answer_later,
    Call("GET /v1/datasets/{dataset_id}/label-studio/config", lines=6),
    Call("GET /v1/audits/{audit_id}/label-studio/health"),
    Call(
        "POST /v1/audits/{audit_id}/label-studio/setup",
        json={
            "project": "7.1764000000",
            "schema": '<View><Table name="row" value="$row"/>'
            '<Choices name="label" toName="row"/></View>',
        },
    ),
    Call("GET /v1/audits/{audit_id}/label-studio/versions"),
    Call(
        "POST /v1/audits/{audit_id}/label-studio/predict",
        json={"tasks": [{"id": 41, "data": {"sample_id": "{suspect_id}"}}]},
    ),
    Call("POST /v1/audits/{audit_id}/label-studio/train"),
    Call("POST /v1/audits/{audit_id}/label-studio/webhook"),
    Call("GET /v1/audits/{audit_id}/predictions/{number}"),
)
