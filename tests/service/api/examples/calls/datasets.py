"""Datasets, their samples and their members."""

from tests.service.api.examples import animals
from tests.service.api.examples.call import Call
from tests.service.api.examples.calls.uploads import TABLE
from tests.service.api.examples.walk import work

CALLS = (
    Call(
        "POST /v1/datasets",
        query={"filename": "animals.csv", "label_column": "label"},
        headers={"Idempotency-Key": "animals-2026-03-02"},
        content=TABLE,
        saves={"dataset_id": "id"},
    ),
    Call(
        "POST /v1/datasets",
        query={"filename": "pictures.zip"},
        content=animals.pictures(),
        saves={"pictures_id": "id"},
        shown=False,
    ),
    work,
    Call(
        "PATCH /v1/datasets/{dataset_id}",
        json={
            "description": "Measurements of cats and dogs at the vet's.",
            "guidelines": "A kitten is a *cat*. If you cannot tell, skip.",
        },
    ),
    Call("GET /v1/datasets", query={"name": "animals", "limit": 1}),
    Call("GET /v1/datasets/{dataset_id}"),
    Call("GET /v1/datasets/{dataset_id}/columns", query={"limit": 2}),
    Call("GET /v1/datasets/{dataset_id}/annotators", where={"dataset_id": "{pictures_id}"}),
    Call("GET /v1/datasets/{dataset_id}/samples", query={"limit": 2}),
    Call("GET /v1/datasets/{dataset_id}/samples/{sample_id}", where={"sample_id": "animal-0007"}),
    Call(
        "GET /v1/datasets/{dataset_id}/samples/{sample_id}/media",
        where={"dataset_id": "{pictures_id}", "sample_id": "00.png"},
        query={"size": 256},
    ),
    Call(
        "POST /v1/datasets/{dataset_id}/columns",
        where={"dataset_id": "{pictures_id}"},
        json={"label": "label", "file": "file", "ignored": ["vote_eve"]},
    ),
    Call("DELETE /v1/datasets/{dataset_id}", where={"dataset_id": "{pictures_id}"}),
    Call("GET /v1/datasets/{dataset_id}/member-candidates"),
    Call("PUT /v1/datasets/{dataset_id}/members/{key_id}", where={"key_id": "{ben_id}"}),
    Call("GET /v1/datasets/{dataset_id}/members"),
    Call("PATCH /v1/datasets/{dataset_id}/members", json={"shared": True}),
)
