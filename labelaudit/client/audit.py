"""An audit from the outside: wait for it, read its results, decide about its suspects."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from labelaudit.client.download import save
from labelaudit.client.errors import ApiError, JobFailed, NoService
from labelaudit.client.model import ModelHandle
from labelaudit.client.reviewers import ReviewersHandle
from labelaudit.client.transport import BUSY, Transport, once
from labelaudit.enums import (
    FINISHED,
    Issue,
    JobStatus,
    JobType,
    ReviewState,
    Tier,
    Verdict,
)
from labelaudit.schemas import (
    AuditRead,
    CorrectionCreate,
    CorrectionList,
    CorrectionRead,
    FindingsRead,
    LeasedSuspect,
    RankingRead,
    SuspectDetail,
    SuspectRead,
)

SILENCE_SECONDS = 45.0  # the service says something at least every 15 seconds
POLL_SECONDS = 1.0
RANKING_POLL_SECONDS = 0.3
OUTAGE_SECONDS = 60.0  # how long a service may be away before waiting for it ends
SUSPECTS_PAGE = 500


class Progress(BaseModel):
    """How far an audit is: `progress` in [0, 1], `eta_seconds` null until it can be told."""

    status: JobStatus
    job: JobType | None = None
    progress: float
    eta_seconds: float | None = None


OnProgress = Callable[[Progress], None]


class AuditHandle:
    """One audit. `id` names it; everything else is asked for when it is needed."""

    def __init__(self, transport: Transport, audit_id: str) -> None:
        self.id = audit_id
        self._transport = transport
        self._path = f"/v1/audits/{quote(audit_id, safe='')}"

    def __repr__(self) -> str:
        return f"AuditHandle({self.id!r})"

    def read(self) -> AuditRead:
        return AuditRead.model_validate(self._transport.get(self._path))

    def wait(
        self, on_progress: OnProgress | None = None, *, timeout: float | None = None
    ) -> AuditRead:
        """Return once the audit is completed.

        Follows the progress stream, takes it up where it broke off, and asks for the status in
        between, so that a restart of the service is survived.

        Raises
        ------
        JobFailed
            The audit failed or was cancelled.
        TimeoutError
            It takes longer than `timeout` seconds; the audit goes on.
        NoService
            The service has been away for a minute.
        """
        deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        tell = on_progress or (lambda _: None)
        seen, last_answer = 0, time.monotonic()
        while True:
            try:
                with suppress(NoService):  # no stream, or no more of it: ask for the status
                    for number, progress in self._events(seen, deadline):
                        seen, last_answer = number, time.monotonic()
                        tell(progress)
                audit = self.read()
                last_answer = time.monotonic()
            except (NoService, ApiError) as error:
                away = isinstance(error, NoService) or error.status in BUSY
                if not away or time.monotonic() - last_answer > OUTAGE_SECONDS:
                    raise
            else:
                tell(Progress.model_validate(audit.model_dump()))
                if audit.status in FINISHED:
                    return _completed(audit)
            if time.monotonic() > deadline:
                raise TimeoutError(f"Audit {self.id} has not finished within {timeout} s.")
            time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))

    def _events(self, seen: int, deadline: float) -> Iterator[tuple[int, Progress]]:
        """Numbered progress events behind number `seen`, until the stream ends or breaks."""
        with self._transport.stream(
            "GET",
            f"{self._path}/events",
            headers={"Last-Event-ID": str(seen)},
            timeout=max(0.1, min(SILENCE_SECONDS, deadline - time.monotonic())),
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

    def summary(self) -> dict[str, Any]:
        """Noise rate with its interval, noise matrix (rows = true class), tiers, classes."""
        answer: dict[str, Any] = self._transport.get(f"{self._path}/summary")
        return answer

    def model(self) -> ModelHandle:
        """The classifier, which is trained once the audit is completed."""
        return ModelHandle(self._transport, self.id)

    def people(self) -> ReviewersHandle:
        """Review settings, assignments, the team and reverts."""
        return ReviewersHandle(self._transport, self.id)

    def suspects(
        self,
        *,
        tier: Tier | str | Sequence[Tier | str] | None = None,
        given_label: str | None = None,
        predicted_label: str | None = None,
        state: ReviewState | str | None = None,
        issue: Issue | str | None = None,
        limit: int | None = None,
    ) -> Iterator[SuspectRead]:
        """The ranked samples, worst first; the pages are fetched as they are needed."""
        for item in self._transport.pages(
            f"{self._path}/suspects",
            limit=limit,
            page=SUSPECTS_PAGE,
            tier=tier,
            given_label=given_label,
            predicted_label=predicted_label,
            state=state,
            issue=issue,
        ):
            yield SuspectRead.model_validate(item)

    def suspect(self, sample_id: str) -> SuspectDetail:
        """One suspect with its content, signals, likely classes and trajectory."""
        answer = self._transport.get(f"{self._path}/suspects/{quote(sample_id, safe='')}")
        return SuspectDetail.model_validate(answer)

    def save_suspects(self, destination: str | Path) -> Path:
        """The whole ranked list as a `.csv` or `.parquet` file with cleanlab's column names."""
        path = Path(destination)
        format = "parquet" if path.suffix.lower() == ".parquet" else "csv"
        return save(self._transport, f"{self._path}/suspects.{format}", path)

    def findings(self) -> FindingsRead:
        """What reviewers have found so far: errors by look, by tier, by person."""
        return FindingsRead.model_validate(self._transport.get(f"{self._path}/findings"))

    def save_report(self, destination: str | Path) -> Path:
        """The overview with its pictures as one HTML file."""
        return save(self._transport, f"{self._path}/report.html", Path(destination))

    def save_plot(self, name: str, destination: str | Path, *, theme: str = "light") -> Path:
        """A picture of the overview as `.svg` or `.png`: `data_map`, `noise_matrix`, `findings`,
        `tiers` or `classes`."""
        path = Path(destination)
        format = "png" if path.suffix.lower() == ".png" else "svg"
        return save(self._transport, f"{self._path}/plots/{name}.{format}?theme={theme}", path)

    def rerank(self) -> RankingRead:
        """Rank again with what reviewers have found, and wait for that. Raises JobFailed."""
        path = f"{self._path}/rankings"
        ranking = RankingRead.model_validate(self._transport.request("POST", path).json())
        while ranking.status not in FINISHED:
            time.sleep(RANKING_POLL_SECONDS)
            answer = self._transport.get(f"{path}/{ranking.number}")
            ranking = RankingRead.model_validate(answer)
        if ranking.status is not JobStatus.completed:
            raise JobFailed(ranking.problem or {"title": f"The ranking was {ranking.status}"})
        return ranking

    def next_in_queue(self, count: int = 1, **options: Any) -> list[LeasedSuspect]:
        """Lease the worst suspects that nobody else holds."""
        answer = self._transport.request(
            "POST", f"{self._path}/queue/next", json={"count": count, **options}
        ).json()
        return [LeasedSuspect.model_validate(item) for item in answer["items"]]

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
        """Record one verdict. Sent again as often as needed, it is stored once."""
        correction = CorrectionCreate(
            sample_id=sample_id,
            verdict=Verdict(verdict),
            corrected_label=corrected_label,
            supersedes=supersedes,
            lease_id=lease_id,
            note=note,
        )
        return self.correct_many([correction]).corrections[0]

    def correct_many(self, corrections: Sequence[CorrectionCreate]) -> CorrectionList:
        """Record up to 1000 verdicts: all are stored, or none."""
        body = {"corrections": [item.model_dump(mode="json") for item in corrections]}
        answer = self._transport.request(
            "POST",
            f"{self._path}/corrections",
            json=body,
            headers=once(),
        )
        return CorrectionList.model_validate(answer.json())

    def corrections(self, *, limit: int | None = None) -> Iterator[CorrectionRead]:
        """Every correction of the audit, reverts included, oldest first."""
        for item in self._transport.pages(f"{self._path}/corrections", limit=limit, page=500):
            yield CorrectionRead.model_validate(item)

    def revert(self, correction_id: str) -> CorrectionRead:
        """Revert a correction; the log keeps both."""
        path = f"{self._path}/corrections/{quote(correction_id, safe='')}/revert"
        return CorrectionRead.model_validate(self._transport.request("POST", path).json())


def _completed(audit: AuditRead) -> AuditRead:
    if audit.status is JobStatus.completed:
        return audit
    raise JobFailed(audit.problem or {"title": f"The audit was {audit.status}"})
