"""Large files: through the service, and in parts to a bucket."""

import hashlib

import requests

from tests.service.api.examples import animals
from tests.service.api.examples.call import Call
from tests.service.api.examples.walk import Walk

TABLE = animals.table()
TUS = {"Tus-Resumable": "1.0.0"}
DIRECT = {"transfer": "multipart", "length": len(TABLE), "filename": "animals.csv"}


def put_parts(walk: Walk) -> None:
    """Send the parts of the upload to the bucket, as a client would."""
    for part in walk.known["parts"]:
        requests.put(part["url"], data=TABLE, timeout=10).raise_for_status()


CALLS = (
    Call("OPTIONS /v1/uploads"),
    Call(
        "POST /v1/uploads",
        json={
            "length": len(TABLE),
            "filename": "animals.csv",
            "sha256": hashlib.sha256(TABLE).hexdigest(),
            "columns": {"label": "label"},
        },
        saves={"upload_id": "id"},
    ),
    Call(
        "PATCH /v1/uploads/{upload_id}",
        headers={**TUS, "Upload-Offset": 0},
        content=TABLE[:1000],
        media_type="application/offset+octet-stream",
    ),
    Call("HEAD /v1/uploads/{upload_id}", headers=TUS),
    Call("GET /v1/uploads/{upload_id}"),
    Call("GET /v1/uploads"),
    Call("DELETE /v1/uploads/{upload_id}", headers=TUS),
    Call("POST /v1/uploads", json=DIRECT, saves={"upload_id": "id", "parts": "parts"}, shown=False),
    put_parts,
    Call("GET /v1/uploads/{upload_id}/parts"),
    Call("POST /v1/uploads/{upload_id}/complete", saves={"sent_id": "dataset_id"}),
    Call("DELETE /v1/datasets/{dataset_id}", where={"dataset_id": "{sent_id}"}, shown=False),
)
