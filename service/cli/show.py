"""How things look in a terminal. What comes from a dataset is shown as text, never as markup."""

import os
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from labelaudit import Progress as AuditProgress
from labelaudit.enums import JobStatus, JobType
from labelaudit.schemas import DatasetRead, KeyRead, SuspectRead

PIPE_WIDTH = 160

# Without a terminal there is no width to keep to: lines are for grep, not for the eye.
_fitted = sys.stdout.isatty() or "COLUMNS" in os.environ
out = Console(highlight=False, width=None if _fitted else PIPE_WIDTH)
err = Console(stderr=True, highlight=False)

JOBS = {
    JobType.encoding: "Encoding the samples",
    JobType.train: "Training the models",
    JobType.rank: "Ranking the suspects",
}
TIER_STYLE = {"obvious": "bold red", "possible": "yellow", "none": "dim"}


def plain(value: object, style: str = "") -> Text:
    """Text from a dataset: control characters, which could drive the terminal, made visible."""
    words = "".join(char if char.isprintable() else "�" for char in str(value))
    return Text(words, style=style)


def plain_lines(words: str) -> Text:
    """Several lines, the first of them standing out."""
    first, *rest = words.splitlines() or [""]
    return Text("\n").join([plain(first, "bold red"), *(plain(line) for line in rest)])


def as_json(value: Any) -> None:
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def all_as_json(found: Iterable[BaseModel]) -> None:
    as_json([one.model_dump(mode="json") for one in found])


def percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f} %"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s left" if minutes else f"{rest} s left"


class Steps:
    """A bar on stderr that shows what is being done; lines where there is no terminal."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._bar = bars.add_task("", total=None, left="")
        self._doing = ""

    def show(self, doing: str, share: float | None = None, left: str = "") -> None:
        """`share` in [0, 1], None while it cannot be told."""
        if doing != self._doing and not err.is_terminal:
            err.print(f"{doing} …")
        self._doing = doing
        total = None if share is None else 1
        self._bars.update(
            self._bar, description=doing, total=total, completed=share or 0, left=left
        )

    def uploading(self, sent: int, size: int) -> None:
        self.show("Uploading", sent / size)
        if sent == size:
            self.show("Reading the upload")

    def auditing(self, progress: AuditProgress) -> None:
        if progress.job is not None:
            doing = JOBS.get(progress.job, progress.job.capitalize())
            self.show(doing, progress.progress, duration(progress.eta_seconds))
        elif progress.status is JobStatus.queued:
            self.show("Waiting for a worker")


@contextmanager
def steps() -> Generator[Steps]:
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with bars:
        yield Steps(bars)


def dataset(read: DatasetRead) -> None:
    unlabeled = read.sample_count - read.labeled_count
    out.print(
        plain(read.name, "bold"),
        f"{read.sample_count:,} samples ({read.kind}), {len(read.class_names)} classes"
        + (f", {unlabeled:,} without a label" if unlabeled else ""),
    )
    for warning in read.warnings:
        out.print(Text("  note: ", "yellow") + plain(warning))


def summary(found: dict[str, Any]) -> None:
    """The noise rate with its interval, the tiers, and what cannot be judged."""
    rate = found.get("noise_rate")
    if rate:
        out.print(
            f"Wrong labels: about [bold]{percent(rate['estimate'])}[/], "
            f"between {percent(rate['low'])} and {percent(rate['high'])}"
        )
    tiers = found.get("tiers") or {}
    for name in (name for name in TIER_STYLE if name in tiers):  # worst first
        out.print(Text(f"  {name:<9}", TIER_STYLE[name]), _promise(name, tiers[name]))
    for words in found.get("cannot_judge") or ():
        out.print(Text("Cannot be judged: ", "bold yellow") + plain(words))


def _promise(name: str, tier: dict[str, Any]) -> str:
    """What to expect of a tier; how few at least matters only where people are sent to look."""
    words, precision, lower = f"{tier['count']:,} samples", tier["expected_precision"], None
    if precision is None:
        return words
    if name != "none":
        lower = tier["lower_bound"]
    at_least = f" (at least {percent(lower)})" if lower is not None else ""
    return f"{words}, of which {percent(precision)}{at_least} should really be wrong"


def suspects(found: Iterable[SuspectRead]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, options in (
        ("#", {"justify": "right"}),
        ("sample", {"overflow": "fold"}),
        ("given", {"overflow": "fold"}),
        ("suggested", {"overflow": "fold"}),
        ("p_wrong", {"no_wrap": True}),
        ("tier", {"no_wrap": True}),
        ("reason", {"ratio": 1}),
    ):
        table.add_column(name, **options)
    for one in found:
        table.add_row(
            str(one.rank),
            plain(one.sample_id),
            plain(one.given_label),
            _suggestion(one),
            f"{one.p_wrong:.2f} [dim]({one.p_wrong_low:.2f} to {one.p_wrong_high:.2f})[/]",
            Text(one.tier, TIER_STYLE.get(one.tier, "")),
            plain(one.reason, "dim"),
        )
    out.print(table)


def _suggestion(one: SuspectRead) -> Text:
    if one.suggested_label is None:
        return Text("–", "dim")
    confidence = one.suggested_label_confidence
    sure = f" {confidence:.0%}" if confidence is not None else ""
    return plain(one.suggested_label) + Text(sure, "dim")


def rows(names: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    table = Table(*names, box=None, pad_edge=False, header_style="bold")
    for line in lines:
        table.add_row(*(plain("" if value is None else value) for value in line))
    out.print(table)


def keys(found: Iterable[KeyRead]) -> None:
    rows(
        ("id", "name", "role", "created", "state"),
        (
            (
                key.id,
                key.name,
                key.role,
                f"{key.created_at:%Y-%m-%d %H:%M}",
                "revoked" if key.revoked_at else "valid",
            )
            for key in found
        ),
    )
