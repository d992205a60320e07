"""The whole API against its own document: requests made up from it, good and bad, under the checks
that schemathesis has. Never a 500, never an answer that the document does not know."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode
from schemathesis.generation.case import Case
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.api.app import create_app
from service.core.config import Settings
from service.db.engine import Database
from service.storage.local import Storage
from tests.support.factories import (
    Store,
    make_audit,
    make_dataset,
    sample_id,
)

EXAMPLES = 8  # of each operation, beside the corner cases that schemathesis has for it
UNKNOWN_HEADER = "x-schemathesis-unknown-property"  # HTTP passes over headers it does not know
GONE_FOR_GOOD = ("delete", "cancel")  # what the other operations need is not taken away
load_all_checks()
# A document says what a request looks like; whether there is such a class, a column or a model, or
# whether a cursor is one that was given out, it does not say.
BEYOND_A_DOCUMENT: list[Any] = CHECKS.get_by_names(["positive_data_acceptance"])

schema = schemathesis.openapi.from_dict(create_app().openapi())
schema.config.update(base_url="http://127.0.0.1")


@schemathesis.serializer("application/offset+octet-stream")
def as_bytes(_context: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@pytest.fixture(scope="module")
def served(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[FastAPI, str, dict[str, str]]]:
    """The application with a reviewable audit in it, an admin's token, and the ids of things."""
    folder = tmp_path_factory.mktemp("schemathesis")
    path = folder / "labelaudit.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    store = Store(Database(f"sqlite:///{path}"), Storage(folder / "storage"))
    app = create_app(
        Settings(
            data_dir=folder,
            database_url=f"sqlite:///{path}",
            storage_dir=store.storage.root,
            free_space_watermark_bytes=0,
            max_upload_bytes=2**20,  # what is larger is refused for that, not for the disk's size
            rate_limit="",
            failed_sign_in_limit="1000000/minute",
        )
    )
    with store.database.write() as session:
        _, token = create_key(session, name="the admin", role=Role.admin)
    dataset_id = make_dataset(store)
    there = {"dataset_id": dataset_id, "audit_id": make_audit(store, dataset_id)}
    with TestClient(app, base_url="http://127.0.0.1"):
        yield app, token, {**there, "sample_id": sample_id(3), "number": "1"}
    store.database.dispose()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_an_operation_answers_as_the_document_says(
    case: Case, served: tuple[FastAPI, str, dict[str, str]]
) -> None:
    app, token, there = served
    if UNKNOWN_HEADER in (case.headers or {}):
        return
    case.operation.schema.app = case.operation.app = app
    if is_good(case) and not any(word in case.operation.label.lower() for word in GONE_FOR_GOOD):
        found = {name: value for name, value in there.items() if name in case.path_parameters}
        case.path_parameters = {**case.path_parameters, **found}
    case.call_and_validate(
        headers={"Authorization": f"Bearer {token}"}, excluded_checks=BEYOND_A_DOCUMENT
    )


def is_good(case: Case) -> bool:
    """Whether the request is one that the document allows."""
    return case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE
