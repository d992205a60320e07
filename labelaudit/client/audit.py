"""One audit: wait for it, read its results, record verdicts on its suspects."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Literal, Unpack

from labelaudit.client import html
from labelaudit.client.certificates import Certificates
from labelaudit.client.classifier import Classifier
from labelaudit.client.download import download
from labelaudit.client.errors import ApiError, JobFailedError, ServiceUnreachableError
from labelaudit.client.paths import audit_path, segment
from labelaudit.client.polling import poll
from labelaudit.client.review import Review
from labelaudit.client.suspects import SuspectFilters, Suspects
from labelaudit.client.transport import UNAVAILABLE, Transport, idempotency_key
from labelaudit.client.waiting import OnProgress, Progress, shown
from labelaudit.enums import FINISHED, JobStatus, Verdict
from labelaudit.schemas import (
    AuditRead,
    Control,
    CorrectionBatch,
    CorrectionCreate,
    CorrectionRead,
    FindingsRead,
    Heavy,
    LeasedSuspect,
    RankingRead,
    RevertRead,
    SummaryRead,
    SuspectDetail,
    TypicalSample,
)

STREAM_TIMEOUT = 45.0  # the service sends something at least every 15 seconds
POLL_SECONDS = 1.0
RANKING_POLL_SECONDS = 0.3
OUTAGE_SECONDS = 60.0  # how long the service may be unavailable before waiting fails
SHOWN_SUSPECTS = 5  # in a notebook


class Audit:
    """A handle on one audit: it holds the id, every method asks the service."""

    def __init__(self, transport: Transport, audit_id: str) -> None:
        self.id = audit_id
        self._transport = transport
        self._path = audit_path(audit_id)

    def __repr__(self) -> str:
        return f"Audit({self.id!r})"

    def _repr_html_(self) -> str:
        audit = self.read()
        if audit.status is not JobStatus.completed:
            return html.audit(audit, None)
        worst = self.suspects(limit=SHOWN_SUSPECTS)
        return html.audit(audit, self.summary()) + worst._repr_html_()

    def read(self) -> AuditRead:
        return AuditRead.model_validate(self._transport.get(self._path))

    def wait(
        self,
        on_progress: OnProgress | None = None,
        *,
        timeout: float | None = None,
        quiet: bool = False,
    ) -> AuditRead:
        """Return once the audit is completed.

        Follows the progress stream, resumes it when it breaks, and polls the status in between, so
        that it survives a restart of the service. A notebook and a terminal show a progress bar,
        unless you pass `on_progress` or `quiet=True`.

        Raises
        ------
        JobFailedError
            The audit failed or was cancelled.
        TimeoutError
            It takes longer than `timeout` seconds; the audit continues.
        ServiceUnreachableError
            The service has been unavailable for a minute.
        """
        with nullcontext(on_progress) if on_progress else shown(quiet=quiet) as report:
            return self._wait(report, timeout)

    def _wait(self, report: OnProgress, timeout: float | None) -> AuditRead:
        deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        seen, last_answer = 0, time.monotonic()
        while True:
            try:
                with suppress(ServiceUnreachableError):  # no stream: poll the status
                    for number, progress in self._events(seen, deadline):
                        seen, last_answer = number, time.monotonic()
                        report(progress)
                audit = self.read()
                last_answer = time.monotonic()
            except (ServiceUnreachableError, ApiError) as error:
                unavailable = not isinstance(error, ApiError) or error.status in UNAVAILABLE
                if not unavailable or time.monotonic() - last_answer > OUTAGE_SECONDS:
                    raise
            else:
                report(Progress.model_validate(audit.model_dump()))
                if audit.status in FINISHED:
                    return _completed(audit)
            if time.monotonic() > deadline:
                raise TimeoutError(f"Audit {self.id} has not finished within {timeout} s.")
            time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))

    def _events(self, seen: int, deadline: float) -> Iterator[tuple[int, Progress]]:
        """Progress events after number `seen`, numbered, until the stream ends or breaks."""
        with self._transport.stream(
            "GET",
            f"{self._path}/events",
            headers={"Last-Event-ID": str(seen)},
            timeout=max(0.1, min(STREAM_TIMEOUT, deadline - time.monotonic())),
        ) as response:
            number = seen
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    number = int(value)
                elif name == "data":
                    yield number, Progress.model_validate(json.loads(value))
                if time.monotonic() > deadline:
                    return

    def cancel(self) -> AuditRead:
        return AuditRead.model_validate(
            self._transport.request("POST", f"{self._path}/cancel").json()
        )

    def summary(self) -> SummaryRead:
        """Noise rate with its interval, noise matrix (rows: true class), tiers, classes."""
        return SummaryRead.model_validate(self._transport.get(f"{self._path}/summary"))

    def classifier(self) -> Classifier:
        """The classifier that is trained on the cleaned labels once the audit is completed."""
        return Classifier(self._transport, self.id)

    def review(self) -> Review:
        """The review by several people: settings, assignments, team, history, bulk reverts."""
        return Review(self._transport, self.id)

    def certificates(self) -> Certificates:
        """What can be fixed at once after a few blind verdicts."""
        return Certificates(self._transport, self.id)

    def suspects(self, *, limit: int | None = None, **filters: Unpack[SuspectFilters]) -> Suspects:
        """The ranked samples, worst first. Pages are fetched as they are needed. `search` keeps
        those that contain all its words, `similar_to` a sample and those nearest to it."""
        return Suspects(self._transport, self.id, limit=limit, filters={**filters})

    def typical(self, label: str, *, limit: int = 6) -> list[TypicalSample]:
        """Samples of a class, the most confident first. None is suspected or has been judged."""
        answer = self._transport.get(f"{self._path}/typical-samples", label=label, limit=limit)
        return [TypicalSample.model_validate(item) for item in answer["items"]]

    def suspect(self, sample_id: str, *, include: Sequence[Heavy] = ()) -> SuspectDetail:
        """One suspect with its content, signals and likely classes; `include` adds its trajectory
        and its neighbours."""
        path = f"{self._path}/suspects/{segment(sample_id)}"
        answer = self._transport.get(path, include=list(include))
        return SuspectDetail.model_validate(answer)

    def save_suspects(
        self,
        destination: str | Path,
        *,
        order: Literal["rank", "row"] = "rank",
        labels: Literal["name", "code"] = "name",
    ) -> Path:
        """Save the full ranking as `.csv` or `.parquet`, with cleanlab's column names.

        `order="row"` keeps the order of the upload; `labels="code"` writes class indices.
        """
        path = Path(destination)
        format = "parquet" if path.suffix.lower() == ".parquet" else "csv"
        query = f"order={order}&labels={labels}"
        return download(self._transport, f"{self._path}/suspects.{format}?{query}", path)

    def save_arrays(self, name: str, destination: str | Path) -> Path:
        """Save `pred_probs`, `embeddings` or `trajectories` of every analysed sample as `.npz`."""
        return download(self._transport, f"{self._path}/arrays/{name}.npz", Path(destination))

    def findings(self) -> FindingsRead:
        """What the review has found so far: errors per sample seen, per tier and per reviewer."""
        return FindingsRead.model_validate(self._transport.get(f"{self._path}/findings"))

    def save_report(self, destination: str | Path) -> Path:
        """Save the overview with its plots as one HTML file."""
        return download(self._transport, f"{self._path}/report.html", Path(destination))

    def save_plot(self, name: str, destination: str | Path, *, theme: str = "light") -> Path:
        """Save a plot as `.svg` or `.png`: `data_map`, `noise_matrix`, `findings`, `tiers` or
        `classes`."""
        path = Path(destination)
        format = "png" if path.suffix.lower() == ".png" else "svg"
        return download(self._transport, f"{self._path}/plots/{name}.{format}?theme={theme}", path)

    def rerank(self) -> RankingRead:
        """Rank again with the verdicts so far, and wait for the result. Raises JobFailedError."""
        path = f"{self._path}/rankings"
        started = RankingRead.model_validate(self._transport.request("POST", path).json())
        ranking = poll(
            lambda: RankingRead.model_validate(self._transport.get(f"{path}/{started.number}")),
            lambda ranking: ranking.status in FINISHED,
            interval=RANKING_POLL_SECONDS,
        )
        if ranking.status is not JobStatus.completed:
            raise JobFailedError(ranking.problem or {"title": f"The ranking was {ranking.status}"})
        return ranking

    def next_in_queue(self, count: int = 1, **options: Any) -> list[LeasedSuspect]:
        """Lease the worst suspects that no one else is reviewing.

        The options are those of `POST /v1/audits/{id}/queue/next`. For the purpose `control`, call
        `next_controls`.
        """
        answer = self._transport.request(
            "POST", f"{self._path}/queue/next", json={"count": count, **options}
        ).json()
        return [LeasedSuspect.model_validate(item) for item in answer["items"]]

    def next_controls(self, count: int = 1, **options: Any) -> list[Control]:
        """Lease random samples, without rank, tier or suggestion, to check the estimates."""
        answer = self._transport.request(
            "POST",
            f"{self._path}/queue/next",
            json={"count": count, "purpose": "control", **options},
        ).json()
        return [Control.model_validate(item) for item in answer["items"]]

    def correct(
        self,
        sample_id: str,
        verdict: Verdict | str,
        corrected_label: str | None = None,
        *,
        supersedes: str | None = None,
        lease_id: str | None = None,
        note: str | None = None,
    ) -> CorrectionRead:
        """Record one verdict. Retries store it only once."""
        correction = CorrectionCreate(
            sample_id=sample_id,
            verdict=Verdict(verdict),
            corrected_label=corrected_label,
            supersedes=supersedes,
            lease_id=lease_id,
            note=note,
        )
        return self.correct_many([correction]).items[0]

    def correct_many(self, corrections: Sequence[CorrectionCreate]) -> CorrectionBatch:
        """Record up to 1000 verdicts, all or none."""
        body = {"corrections": [item.model_dump(mode="json") for item in corrections]}
        answer = self._transport.request(
            "POST",
            f"{self._path}/corrections",
            json=body,
            headers=idempotency_key(),
        )
        return CorrectionBatch.model_validate(answer.json())

    def corrections(self, *, limit: int | None = None) -> Iterator[CorrectionRead]:
        """Every correction of the audit, reverts included, oldest first."""
        for item in self._transport.pages(f"{self._path}/corrections", limit=limit, page=500):
            yield CorrectionRead.model_validate(item)

    def correction(self, correction_id: str) -> CorrectionRead:
        path = f"{self._path}/corrections/{segment(correction_id)}"
        return CorrectionRead.model_validate(self._transport.get(path))

    def revert(self, correction_id: str) -> RevertRead:
        """Revert a correction. The log keeps both."""
        body = {"correction_id": correction_id}
        answer = self._transport.request("POST", f"{self._path}/reverts", json=body)
        return RevertRead.model_validate(answer.json())


def _completed(audit: AuditRead) -> AuditRead:
    if audit.status is JobStatus.completed:
        return audit
    raise JobFailedError(audit.problem or {"title": f"The audit was {audit.status}"})
