"""Runs an audit on a private service: the embedded one, on a temporary folder.

The service is started at the first audit and shared by those that follow in this process. It ends,
and its folder goes, with this process.
"""

import atexit
import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelaudit import Audit, Client, OnProgress
from labelaudit.client.errors import ProblemError
from labelaudit.client.session_file import Address
from labelaudit.schemas import SummaryRead
from labelaudit.schemas.model_description import ModelDescription
from service.hosting.child import running_service
from service.inference import head
from worker.estimator.inputs import Upload

KEPT_SETTINGS = ("LABELAUDIT_DEVICE", "LABELAUDIT_MODELS_DIR")

_lock = threading.Lock()
_service: tuple[int, Address] | None = None  # of which process, and where


@dataclass(frozen=True)
class Model:
    """The classifier that an audit handed out."""

    description: ModelDescription
    weights: head.Arrays


@dataclass(frozen=True)
class Audited:
    """Everything that is kept of an audit."""

    suspects: pa.Table  # a row for each sample, in their order, with class indices for labels
    summary: SummaryRead
    model: Model | None  # None where probabilities were ranked


def audit(
    write: Callable[[Path], Upload],
    options: dict[str, Any],
    *,
    on_progress: OnProgress | None = None,
) -> Audited:
    """Audit the file that `write` puts into a folder. Nothing of it stays in the service.

    Raises ValueError if the data or the options are refused.
    """
    with (
        tempfile.TemporaryDirectory(prefix="labelaudit-") as scratch,
        Client(*_address()) as client,
    ):
        upload = write(Path(scratch))
        try:
            dataset = client.upload(upload.path, direct=False, **upload.roles)
            try:
                run = client.audit(dataset.id, **options)
                run.wait(on_progress, quiet=on_progress is None)
                return _results(run, dataset.kind != "probabilities", Path(scratch))
            finally:
                client.delete(dataset.id)
        except ProblemError as error:
            raise ValueError(str(error)) from error


def _results(run: Audit, has_model: bool, scratch: Path) -> Audited:
    table = run.save_suspects(scratch / "suspects.parquet", order="row", labels="code")
    model = None
    if has_model:
        run.classifier().wait()
        folder = scratch / "model"
        run.classifier().save(folder)
        description = (folder / head.DESCRIPTION).read_text()
        model = Model(ModelDescription.model_validate_json(description), head.read_weights(folder))
    return Audited(pq.read_table(table), run.summary(), model)


def _address() -> tuple[str, str]:
    """The URL and the token of this process's service."""
    global _service
    with _lock:
        if _service is None or _service[0] != os.getpid():  # a fork must not share it
            _service = (os.getpid(), _start())
        return _service[1].url, _service[1].token


def _start() -> Address:
    stack = ExitStack()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="labelaudit-")))
    service = stack.enter_context(running_service(folder / "data", env=_environment()))
    owner = os.getpid()
    atexit.register(lambda: stack.close() if os.getpid() == owner else None)
    return service.address


def _environment() -> dict[str, str]:
    """This process's environment, without the settings of another service."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LABELAUDIT_") or name in KEPT_SETTINGS
    }
    return {**kept, "LABELAUDIT_PORT": "0"}
