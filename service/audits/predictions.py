"""Predictions of an audit's classifier for new samples.

Vectors and table rows are answered immediately, here. Texts and images need their encoder, so they
are stored like a small dataset and a worker reads them; the answers are kept for an hour.
"""

import re
import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import select
from sqlalchemy.orm import Session

from labelaudit.enums import JobStatus, JobType
from labelaudit.schemas.model_description import Cell, ModelDescription
from service.audits import classifier
from service.audits import records as audits
from service.core.errors import BadInput, NotFound
from service.db.tables import Audit, Job, now
from service.inference import head
from service.inference.table import transform
from service.jobs import limits
from service.jobs import records as jobs
from service.pictures.decoders import Place
from service.pictures.image_files import STORED
from service.storage.local import Storage

SAMPLES, UPLOAD, ANSWERS = "samples.parquet", "upload", "answers.json"
KEPT = timedelta(hours=1)
GONE = "There is no such prediction; answers are kept for an hour."
NUMBERS = 2**31
NUMBER = re.compile(r"[0-9]{1,10}")
ASKED_WITH = {"image": "images", "text": "texts", "table": "rows", "vector": "vectors"}


def folder(audit_id: str, number: int) -> str:
    return f"{audits.folder(audit_id)}/predictions/{number}"


def check_form(model: ModelDescription, form: str) -> None:
    """Raises BadInput where a model of one kind is asked about samples of another."""
    wanted = ASKED_WITH[model.kind]
    if form != wanted:
        raise BadInput(
            f"This model reads `{wanted}`, not `{form}`.",
            type="wrong-kind",
            errors=[{"pointer": f"/{form}", "detail": f"send `{wanted}` instead"}],
        )


def answer_at_once(
    storage: Storage,
    model: ModelDescription,
    *,
    vectors: Sequence[Sequence[float]] | None = None,
    rows: Sequence[Mapping[str, Cell]] | None = None,
) -> list[dict[str, Any]]:
    """The answers for vectors or table rows. Raises BadInput where one cannot be read."""
    if rows is not None:
        assert model.table is not None
        inputs = transform(model.table, rows)
    else:
        inputs = _as_array(vectors or [], model.input_shape[0])
    weights = head.read_weights(storage.path(classifier.folder(model.audit_id)))
    return head.answers(model, head.head_logits(weights, inputs))


def _as_array(vectors: Sequence[Sequence[float]], width: int) -> head.Floats:
    for index, vector in enumerate(vectors):
        if len(vector) != width:
            raise BadInput(
                f"Vector {index} has {len(vector)} numbers; the model reads {width}.",
                type="shape-mismatch",
                errors=[{"pointer": f"/vectors/{index}", "detail": f"{len(vector)} numbers"}],
            )
    with np.errstate(over="ignore"):
        array = np.asarray(vectors, np.float64).astype(np.float32)
    if not np.isfinite(array).all():
        raise BadInput("A number in `vectors` is too large.", type="not-finite")
    return array


def write_texts(storage: Storage, audit_id: str, texts: Sequence[str]) -> int:
    """Keep the texts for a worker; the prediction's number."""
    with _writing(storage, audit_id, {"text": pa.array(texts, pa.string())}, b"") as (number, _):
        return number


@contextmanager
def writing_images(
    storage: Storage, audit_id: str, images: Sequence[bytes]
) -> Generator[tuple[int, list[Place]]]:
    """The prediction's number, and where each image lies while the block lasts. They are kept for a
    worker if it ends without an error: if it has verified them."""
    sizes = np.array([len(image) for image in images], np.int64)
    offsets = np.cumsum(sizes) - sizes
    columns = {
        "file": [f"image {index}" for index in range(len(images))],
        "media_offset": offsets,
        "media_compressed": sizes,
        "media_size": sizes,
        "media_method": np.full(len(images), STORED, np.int8),
    }
    with _writing(storage, audit_id, columns, b"".join(images)) as (number, upload):
        yield (
            number,
            [
                Place(upload, offset, len(image), len(image), STORED)
                for offset, image in zip(offsets.tolist(), images, strict=True)
            ],
        )


def bad_image(index: int, error: BadInput) -> BadInput:
    """What to answer where an image cannot be read."""
    return BadInput(
        f"Image {index} cannot be read: {error.detail}",
        type=error.type,
        errors=[{"pointer": f"/images/{index}", "detail": error.detail}],
    )


@contextmanager
def _writing(
    storage: Storage, audit_id: str, columns: dict[str, Any], upload: bytes
) -> Generator[tuple[int, Path]]:
    """The prediction's number, and the path of the upload while the block lasts."""
    storage.require_space()
    number = secrets.randbelow(NUMBERS)
    ids = [str(index) for index in range(len(next(iter(columns.values()))))]
    with storage.writing(folder(audit_id, number)) as path:
        path.mkdir()
        pq.write_table(pa.table({"sample_id": ids, **columns}), path / SAMPLES)
        (path / UPLOAD).write_bytes(upload)
        yield number, path / UPLOAD


def require_room(session: Session, audit_id: str, at_most: int) -> None:
    """Raises TooManyRequests if the organisation has `at_most` unanswered predictions."""
    audit = audits.get_audit(session, audit_id)
    limits.require_room(session, JobType.predict, Audit, audit.tenant_id, at_most)


def enqueue(session: Session, audit_id: str, number: int) -> list[str]:
    """Have a worker answer; returns the storage keys of old answers, to delete after the commit."""
    old = session.scalars(
        select(Job).where(
            Job.subject_id == audit_id,
            Job.type == JobType.predict,
            Job.finished_at < now() - KEPT,
        )
    ).all()
    for job in old:
        session.delete(job)
    jobs.enqueue(session, subject_id=audit_id, type=JobType.predict, numbers=[number])
    return [folder(audit_id, job.number) for job in old]


def as_number(text: str) -> int:
    """Raises NotFound for what never was the number of a prediction."""
    if not NUMBER.fullmatch(text) or int(text) >= NUMBERS:
        raise NotFound(GONE)
    return int(text)


def get_prediction_job(session: Session, audit_id: str, number: int) -> Job:
    audits.get_audit(session, audit_id)
    job = session.get(Job, (audit_id, JobType.predict, number))
    if job is None:
        raise NotFound(GONE)
    return job


def read_answers(storage: Storage, job: Job) -> list[dict[str, Any]] | None:
    """The answers, None until they are there."""
    if job.status is not JobStatus.completed:
        return None
    path = storage.path(f"{folder(job.subject_id, job.number)}/{ANSWERS}")
    found: list[dict[str, Any]] = orjson.loads(path.read_bytes())
    return found


def write_answers(
    storage: Storage, audit_id: str, number: int, answers: list[dict[str, Any]]
) -> None:
    with storage.writing(f"{folder(audit_id, number)}/{ANSWERS}") as path:
        path.write_bytes(orjson.dumps(answers))
