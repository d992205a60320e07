"""`Client`: everything it does is a documented call of the public HTTP API.

client = Client()                      # the service that `labelaudit serve` runs here
dataset = client.upload("photos/")     # a file, or a folder with one subfolder per class
audit = client.audit(dataset.id)
audit.wait(print)
for suspect in audit.suspects(limit=20):
    print(suspect.rank, suspect.sample_id, suspect.given_label, suspect.suggested_label)
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from labelaudit.client.accounts import AccountsMixin
from labelaudit.client.audit import Audit
from labelaudit.client.dataset import Dataset
from labelaudit.client.download import download
from labelaudit.client.errors import JobFailedError, ServiceUnreachableError
from labelaudit.client.packing import packed
from labelaudit.client.paths import audit_path, dataset_path, segment
from labelaudit.client.polling import poll
from labelaudit.client.session_file import Address, find_address
from labelaudit.client.transport import Transport, idempotency_key
from labelaudit.client.upload import upload_file
from labelaudit.client.upload_source import OnBytes
from labelaudit.client.webhooks import WebhooksMixin
from labelaudit.enums import FINISHED, UNFINISHED, JobStatus
from labelaudit.schemas import (
    AnnotatorPage,
    AuditRead,
    ColumnRead,
    EncoderRead,
    ExportFormat,
    ExportRead,
    ObjectiveRead,
    SampleRead,
)

POLL_SECONDS = 0.3


class Client(AccountsMixin, WebhooksMixin):
    """A connection to one service.

    The address is the one given, else LABELAUDIT_URL and LABELAUDIT_TOKEN, else the one that
    `labelaudit serve` wrote to the data directory.
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
            raise ServiceUnreachableError(
                "No service address found. Start a service with `labelaudit serve`, or set "
                "LABELAUDIT_URL and LABELAUDIT_TOKEN."
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
    ) -> Dataset:
        """Upload a file or a folder and, unless `wait` is false, wait until it is imported.

        Column roles are detected; name a column to override its role. `on_bytes(sent, size)` is
        called as the upload proceeds. A large file resumes after a dropped connection, and when
        the same call is made again after this process was killed. If the service has an upload
        bucket and this machine reaches it, a large file goes there directly; `direct=True` requires
        that, `direct=False` never does it.

        Raises
        ------
        UploadSourceError
            The path holds nothing to upload, or several candidates.
        ApiError
            The service refused the upload.
        JobFailedError
            The import failed; its `errors` name the rows to fix.
        BucketUnreachableError
            The upload bucket refuses the file or cannot be reached.
        """
        source = Path(path)
        roles = {
            "label": label_column,
            "sample_id": sample_id_column,
            "text": text_column,
            "file": file_column,
            "features": list(feature_columns or ()),
        }
        with packed(source) as file:
            dataset = upload_file(
                self._transport,
                file,
                name=name or source.resolve().name,
                columns={role: column for role, column in roles.items() if column},
                on_bytes=on_bytes or (lambda _sent, _size: None),
                direct=direct,
            )
        return self.wait_for_dataset(dataset.id) if wait else Dataset.of(self._transport, dataset)

    def wait_for_dataset(self, dataset_id: str, *, timeout: float | None = None) -> Dataset:
        """Return the dataset once it is imported. Raises JobFailedError, TimeoutError."""
        dataset = poll(
            lambda: self.dataset(dataset_id),
            lambda dataset: dataset.status not in UNFINISHED,
            interval=POLL_SECONDS,
            timeout=timeout,
            subject=f"The import of dataset {dataset_id}",
        )
        if dataset.status is JobStatus.failed:
            raise JobFailedError(dataset.problem or {"title": "The file could not be read"})
        return dataset

    def dataset(self, dataset_id: str) -> Dataset:
        return Dataset.of(self._transport, self._transport.get(dataset_path(dataset_id)))

    def datasets(self, *, name: str | None = None, limit: int | None = None) -> Iterator[Dataset]:
        """Newest first; `name` keeps those whose name contains it."""
        for item in self._transport.pages("/v1/datasets", limit=limit, page=100, name=name):
            yield Dataset.of(self._transport, item)

    def update_dataset(
        self,
        dataset_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        guidelines: str | None = None,
    ) -> Dataset:
        """Change what is given. The guidelines, in Markdown, are shown to annotators."""
        body = {"name": name, "description": description, "guidelines": guidelines}
        changes = {field: value for field, value in body.items() if value is not None}
        answer = self._transport.request("PATCH", dataset_path(dataset_id), json=changes)
        return Dataset.of(self._transport, answer.json())

    def columns(self, dataset_id: str) -> list[ColumnRead]:
        """The columns of the upload: type, examples and detected role."""
        return self._transport.all(f"{dataset_path(dataset_id)}/columns", ColumnRead)

    def set_columns(self, dataset_id: str, *, wait: bool = True, **roles: Any) -> Dataset:
        """Import the stored upload again with other column roles.

        The roles are those of `POST /v1/datasets/{id}/columns`: label, sample_id, text, file,
        embedding, pred_probs, features, ignored. Raises ApiError if the dataset was audited, and
        JobFailedError if it is rejected again.
        """
        self._transport.request("POST", f"{dataset_path(dataset_id)}/columns", json=roles)
        return self.wait_for_dataset(dataset_id) if wait else self.dataset(dataset_id)

    def annotators(self, dataset_id: str) -> AnnotatorPage:
        """The annotators whose labels came with the dataset: accuracy and agreement."""
        answer = self._transport.get(f"{dataset_path(dataset_id)}/annotators")
        return AnnotatorPage.model_validate(answer)

    def sample(self, dataset_id: str, sample_id: str) -> SampleRead:
        """One sample: its content, its given label and its latest verdict."""
        path = f"{dataset_path(dataset_id)}/samples/{segment(sample_id)}"
        return SampleRead.model_validate(self._transport.get(path))

    def delete(self, dataset_id: str) -> None:
        """Delete the dataset, its audits, corrections and exports. This cannot be undone."""
        self._transport.request("DELETE", dataset_path(dataset_id))

    # -------------------------------------------------------------------------------------- audits

    def audit(self, dataset_id: str, **options: Any) -> Audit:
        """Start an audit. The options are those of `POST /v1/datasets/{id}/audits`."""
        path = f"{dataset_path(dataset_id)}/audits"
        answer = self._transport.request("POST", path, json=options, headers=idempotency_key())
        return self.get_audit(answer.json()["id"])

    def get_audit(self, audit_id: str) -> Audit:
        return Audit(self._transport, audit_id)

    def audits(
        self, dataset_id: str | None = None, *, limit: int | None = None
    ) -> Iterator[AuditRead]:
        """Newest first."""
        for item in self._transport.pages(
            "/v1/audits", limit=limit, page=100, dataset_id=dataset_id
        ):
            yield AuditRead.model_validate(item)

    def delete_audit(self, audit_id: str) -> None:
        """Delete an audit that has no corrections. This cannot be undone."""
        self._transport.request("DELETE", audit_path(audit_id))

    # ------------------------------------------------------------------------------------- exports

    def exports(
        self, dataset_id: str | None = None, *, limit: int | None = None
    ) -> Iterator[ExportRead]:
        """Newest first."""
        for item in self._transport.pages(
            "/v1/exports", limit=limit, page=100, dataset_id=dataset_id
        ):
            yield ExportRead.model_validate(item)

    def export(
        self,
        dataset_id: str,
        format: ExportFormat = "original",
        destination: str | Path = ".",
        *,
        dataset_version: int | None = None,
    ) -> Path:
        """Export the corrected dataset to a file or into a folder. Raises JobFailedError."""
        path = f"{dataset_path(dataset_id)}/exports"
        body = {"format": format, "dataset_version": dataset_version}
        answer = self._transport.request("POST", path, json=body, headers=idempotency_key())
        export_id = ExportRead.model_validate(answer.json()).id
        export = poll(
            lambda: ExportRead.model_validate(self._transport.get(f"/v1/exports/{export_id}")),
            lambda export: export.status in FINISHED,
            interval=POLL_SECONDS,
        )
        if export.status is not JobStatus.completed:
            raise JobFailedError(export.problem or {"title": f"The export was {export.status}"})
        return download(self._transport, f"/v1/exports/{export_id}/file", Path(destination))

    def labeling_config(self, dataset_id: str) -> str:
        """The labeling configuration, as XML, of a Label Studio project for a dataset's tasks."""
        path = f"{dataset_path(dataset_id)}/label-studio/config"
        return self._transport.request("GET", path).text

    # ------------------------------------------------------------------------------- training menu

    def objectives(self) -> list[ObjectiveRead]:
        """The training objectives: paper, when to use it, options."""
        return self._transport.all("/v1/objectives", ObjectiveRead)

    def encoders(self) -> list[EncoderRead]:
        return self._transport.all("/v1/encoders", EncoderRead)
