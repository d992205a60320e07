"""The ranked samples of an audit, as a list that a notebook shows and pandas reads."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypedDict

from labelaudit.client import html
from labelaudit.client.paths import audit_path, segment
from labelaudit.client.transport import Transport
from labelaudit.enums import Issue, ReviewState, Tier
from labelaudit.schemas import SuspectDetail, SuspectRead

if TYPE_CHECKING:
    import pandas as pd

PAGE = 500
SHOWN = 10  # in a notebook: each is a request or two


class SuspectFilters(TypedDict, total=False):
    """What `Audit.suspects` can be asked for; None means any."""

    tier: Tier | str | Sequence[Tier | str] | None
    given_label: str | None
    predicted_label: str | None
    state: ReviewState | str | None
    issue: Issue | str | None
    p_wrong_from: float | None
    p_wrong_to: float | None
    search: str | None
    similar_to: str | None


class Suspects:
    """Samples, worst first. Each loop over them asks the service, page by page."""

    def __init__(
        self, transport: Transport, audit_id: str, *, limit: int | None, filters: dict[str, Any]
    ) -> None:
        self.audit_id = audit_id
        self._transport, self._limit = transport, limit
        self._filters = {name: value for name, value in filters.items() if value is not None}
        self._path = f"{audit_path(audit_id)}/suspects"
        self._unread: Iterator[SuspectRead] | None = None

    def __iter__(self) -> Iterator[SuspectRead]:
        for item in self._transport.pages(
            self._path, limit=self._limit, page=PAGE, **self._filters
        ):
            yield SuspectRead.model_validate(item)

    def __next__(self) -> SuspectRead:
        """The next suspect of a loop that is kept here: `next(audit.suspects())` is the worst."""
        if self._unread is None:
            self._unread = iter(self)
        return next(self._unread)

    def __repr__(self) -> str:
        given = self._filters if self._limit is None else {**self._filters, "limit": self._limit}
        told = "".join(f", {name}={value!r}" for name, value in given.items())
        return f"Suspects({self.audit_id!r}{told})"

    def to_pandas(self) -> "pd.DataFrame":
        """One row for each suspect, worst first, with the fields of `SuspectRead` as columns.

        Raises ImportError if pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_pandas() needs pandas: pip install pandas") from error
        rows = [one.model_dump(mode="json") for one in self]
        return pd.DataFrame(rows, columns=list(SuspectRead.model_fields))

    def _repr_html_(self) -> str:
        first = list(islice(self, SHOWN + 1))
        rows = [
            (
                one.rank,
                self._sample(one.sample_id),
                one.sample_id,
                one.given_label,
                one.suggested_label,
                f"{one.p_wrong:.2f}",
                one.tier,
                one.reason,
            )
            for one in first[:SHOWN]
        ]
        head = ("rank", "sample", "id", "given", "suggested", "p_wrong", "tier", "reason")
        more = f"<p>The first {SHOWN} are shown.</p>" if len(first) > SHOWN else ""
        return html.table(head, rows) + more

    def _sample(self, sample_id: str) -> html.Html:
        detail = SuspectDetail.model_validate(
            self._transport.get(f"{self._path}/{segment(sample_id)}")
        )
        return html.sample(self._transport, detail.content, detail.media_url)
