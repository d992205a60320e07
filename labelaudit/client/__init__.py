"""The Python client: everything it does is a documented call of the public API.

client = Client()                      # the service that `labelaudit serve` runs here
dataset = client.upload("photos/")     # a file, or a folder of one folder for each class
audit = client.audit(dataset.id)
audit.wait(print)
for suspect in audit.suspects(limit=20):
    print(suspect.rank, suspect.sample_id, suspect.given_label, suspect.suggested_label)
"""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from labelaudit.client.audit import AuditHandle, OnProgress, Progress
from labelaudit.client.download import save
from labelaudit.client.errors import (
    ApiError,
    CannotUpload,
    ClientError,
    JobFailed,
    NoBucket,
    NoService,
    ProblemError,
)
from labelaudit.client.large import OnBytes
from labelaudit.client.packing import packed
from labelaudit.client.people import People
from labelaudit.client.sending import send
from labelaudit.client.session_file import Address, find_address
from labelaudit.client.transport import Transport, once
from labelaudit.enums import (
    FINISHED,
    DatasetStatus,
    JobStatus,
    Role,
)
from labelaudit.schemas import (
    AccessEntryRead,
    AnnotatorList,
    AuditRead,
    ColumnList,
    ColumnRead,
    DatasetRead,
    ExportFormat,
    ExportRead,
    KeyCreated,
    KeyRead,
    Me,
    SampleRead,
)

__all__ = [
    "ApiError",
    "AuditHandle",
    "CannotUpload",
    "Client",
    "ClientError",
    "JobFailed",
    "NoBucket",
    "NoService",
    "OnProgress",
    "ProblemError",
    "Progress",
]

POLL_SECONDS = 0.3


class Client(People):
    """A connection to one service.

    The address is what is given, else LABELAUDIT_URL and LABELAUDIT_TOKEN, else what
    `labelaudit serve` left in the data directory.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        data_dir: str | Path | None = None,
        timeout: float = 60.0,
    ) -> None:
        address = find_address(url, token, Path(data_dir) if data_dir else None)
        if address is None:
            raise NoService(
                "No service is known. Start one with `labelaudit serve`, or set LABELAUDIT_URL and "
                "LABELAUDIT_TOKEN."
            )
        self.address: Address = address
        self._transport = Transport(address, timeout=timeout)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def me(self) -> Me:
        """Whose key this is."""
        return Me.model_validate(self._transport.get("/v1/me"))

    # ------------------------------------------------------------------------------------ datasets

    def upload(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        label_column: str | None = None,
        sample_id_column: str | None = None,
        text_column: str | None = None,
        file_column: str | None = None,
        feature_columns: Sequence[str] | None = None,
        wait: bool = True,
        on_bytes: OnBytes | None = None,
        direct: bool | None = None,
    ) -> DatasetRead:
        """Upload a file or a folder and, unless told otherwise, wait until it is read.

        Columns are guessed; name one where the guess would be wrong. `on_bytes(sent, size)` is
        called as the upload goes. A large file goes on where it stood when the connection breaks,
        and when the same call is made again after this program was killed. Where the service has a
        bucket, a large file goes straight there, unless it is out of reach from here; `direct` says
        that it must, or must not.

        Raises
        ------
        CannotUpload, ApiError, JobFailed, NoBucket
            Nothing to upload there; refused at once; read and rejected, with the rows to mend; the
            bucket takes no more of it.
        """
        source = Path(path)
        named = {
            "label": label_column,
            "sample_id": sample_id_column,
            "text": text_column,
            "file": file_column,
            "features": list(feature_columns or ()),
        }
        with packed(source) as upload:
            dataset = send(
                self._transport,
                upload,
                name=name or source.resolve().name,
                columns={role: column for role, column in named.items() if column},
                on_bytes=on_bytes or (lambda _sent, _size: None),
                direct=direct,
            )
        return self.wait_for_dataset(dataset.id) if wait else dataset

    def wait_for_dataset(self, dataset_id: str, *, timeout: float | None = None) -> DatasetRead:
        """Return once the dataset is ready. Raises JobFailed if it was rejected, TimeoutError."""
        deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        while True:
            dataset = self.dataset(dataset_id)
            if dataset.status is DatasetStatus.rejected:
                raise JobFailed(dataset.problem or {"title": "The dataset was rejected"})
            if dataset.status is DatasetStatus.ready:
                return dataset
            if time.monotonic() > deadline:
                raise TimeoutError(f"Dataset {dataset_id} was not read within {timeout} s.")
            time.sleep(POLL_SECONDS)

    def dataset(self, dataset_id: str) -> DatasetRead:
        return DatasetRead.model_validate(self._transport.get(_dataset(dataset_id)))

    def datasets(self, *, limit: int | None = None) -> Iterator[DatasetRead]:
        """Newest first."""
        for item in self._transport.pages("/v1/datasets", limit=limit, page=100):
            yield DatasetRead.model_validate(item)

    def columns(self, dataset_id: str) -> list[ColumnRead]:
        """What the columns of the upload hold, and what each was taken for."""
        found = ColumnList.model_validate(self._transport.get(f"{_dataset(dataset_id)}/columns"))
        return found.items

    def annotators(self, dataset_id: str) -> AnnotatorList:
        """The people whose votes came with the dataset: quality, and agreement beyond chance."""
        return AnnotatorList.model_validate(
            self._transport.get(f"{_dataset(dataset_id)}/annotators")
        )

    def reread(self, dataset_id: str, *, wait: bool = True, **roles: Any) -> DatasetRead:
        """Read the upload again under other column roles, without sending it again.

        The roles are those of `POST /v1/datasets/{id}/columns`: label, sample_id, text, file,
        embedding, pred_probs, features, ignored. Raises ApiError once it has been audited, and
        JobFailed if it is rejected under these roles too.
        """
        self._transport.request("POST", f"{_dataset(dataset_id)}/columns", json=roles)
        return self.wait_for_dataset(dataset_id) if wait else self.dataset(dataset_id)

    def sample(self, dataset_id: str, sample_id: str) -> SampleRead:
        """One sample: its content, the label it came with, and what was decided about it."""
        path = f"{_dataset(dataset_id)}/samples/{quote(sample_id, safe='')}"
        return SampleRead.model_validate(self._transport.get(path))

    def delete(self, dataset_id: str) -> None:
        """Delete the dataset, its audits, corrections and exports. This cannot be undone."""
        self._transport.request("DELETE", _dataset(dataset_id))

    # -------------------------------------------------------------------------------------- audits

    def audit(self, dataset_id: str, **options: Any) -> AuditHandle:
        """Start an audit. The options are those of `POST /v1/datasets/{id}/audits`."""
        answer = self._transport.request(
            "POST", f"{_dataset(dataset_id)}/audits", json=options, headers=once()
        )
        return self.get_audit(answer.json()["id"])

    def get_audit(self, audit_id: str) -> AuditHandle:
        return AuditHandle(self._transport, audit_id)

    def audits(
        self, dataset_id: str | None = None, *, limit: int | None = None
    ) -> Iterator[AuditRead]:
        """Newest first."""
        for item in self._transport.pages(
            "/v1/audits", limit=limit, page=100, dataset_id=dataset_id
        ):
            yield AuditRead.model_validate(item)

    # ------------------------------------------------------------------------------------- exports

    def export(
        self,
        dataset_id: str,
        format: ExportFormat = "original",
        destination: str | Path = ".",
        *,
        dataset_version: int | None = None,
    ) -> Path:
        """Write the corrected dataset and download it to a folder or file. Raises JobFailed."""
        body = {"format": format, "dataset_version": dataset_version}
        started = self._transport.request(
            "POST", f"{_dataset(dataset_id)}/exports", json=body, headers=once()
        )
        export = ExportRead.model_validate(started.json())
        while export.status not in FINISHED:
            time.sleep(POLL_SECONDS)
            export = ExportRead.model_validate(self._transport.get(f"/v1/exports/{export.id}"))
        if export.status is not JobStatus.completed:
            raise JobFailed(export.problem or {"title": f"The export was {export.status}"})
        return save(self._transport, f"/v1/exports/{export.id}/file", Path(destination))

    # ---------------------------------------------------------------------------- keys, catalogues

    def keys(self) -> list[KeyRead]:
        return [KeyRead.model_validate(item) for item in self._transport.get("/v1/keys")]

    def create_key(
        self, name: str, role: Role | str = Role.annotator, *, expires_at: datetime | None = None
    ) -> KeyCreated:
        """Make a key; its token is shown only in this answer."""
        body = {
            "name": name,
            "role": str(role),
            "expires_at": expires_at.isoformat() if expires_at else None,
        }
        return KeyCreated.model_validate(
            self._transport.request("POST", "/v1/keys", json=body).json()
        )

    def rotate_key(self, key_id: str) -> KeyCreated:
        """Give a key a new token, shown only in this answer; the old one is refused at once."""
        path = f"/v1/keys/{quote(key_id, safe='')}/rotate"
        return KeyCreated.model_validate(self._transport.request("POST", path).json())

    def access_log(self, *, limit: int | None = None) -> Iterator[AccessEntryRead]:
        """Who did what, newest first."""
        for item in self._transport.pages("/v1/access-log", limit=limit, page=1000):
            yield AccessEntryRead.model_validate(item)

    def revoke_key(self, key_id: str) -> KeyRead:
        path = f"/v1/keys/{quote(key_id, safe='')}"
        return KeyRead.model_validate(self._transport.request("DELETE", path).json())

    def objectives(self) -> list[dict[str, Any]]:
        """Every training objective: its paper, when to use it, its options."""
        return list(self._transport.get("/v1/objectives"))

    def encoders(self) -> list[dict[str, Any]]:
        return list(self._transport.get("/v1/encoders"))


def _dataset(dataset_id: str) -> str:
    return f"/v1/datasets/{quote(dataset_id, safe='')}"
