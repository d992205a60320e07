"""Terminal output. Text from a dataset is printed as it is, never as markup."""

import os
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from labelaudit import Progress as AuditProgress
from labelaudit.client import waiting
from labelaudit.enums import JobStatus, Tier
from labelaudit.schemas import DatasetRead, SummaryRead, SuspectRead, TierSummary

PIPE_WIDTH = 160

Item = TypeVar("Item")

# Without a terminal, lines are long, so that grep finds a row whole.
_fitted = sys.stdout.isatty() or "COLUMNS" in os.environ
out = Console(highlight=False, width=None if _fitted else PIPE_WIDTH)
err = Console(stderr=True, highlight=False)

TIER_STYLE = {"obvious": "bold red", "possible": "yellow", "none": "dim"}


def plain(value: object, style: str = "") -> Text:
    """Text from a dataset, with control characters replaced: they could drive the terminal."""
    text = "".join(char if char.isprintable() else "�" for char in str(value))
    return Text(text, style=style)


def error(message: str) -> Text:
    """An error message, its first line highlighted."""
    first, *rest = message.splitlines() or [""]
    return Text("\n").join([plain(first, "bold red"), *(plain(line) for line in rest)])


def as_json(value: Any) -> None:
    value = _dump(value)
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def all_as_json(items: Iterable[Any]) -> None:
    as_json([_dump(item) for item in items])


def _dump(item: Any) -> Any:
    return item.model_dump(mode="json") if isinstance(item, BaseModel) else item


def percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"


class ProgressDisplay:
    """A progress bar on stderr; one line per step if stderr is not a terminal."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._bar = bars.add_task("", total=None, left="")
        self._step = ""

    def show(self, step: str, share: float | None = None, left: str = "") -> None:
        """`share` is in [0, 1], or None while it is unknown."""
        if step != self._step and not err.is_terminal:
            err.print(f"{step} …")
        self._step = step
        total = None if share is None else 1
        self._bars.update(self._bar, description=step, total=total, completed=share or 0, left=left)

    def uploading(self, sent: int, size: int) -> None:
        self.show("Uploading", sent / size)
        if sent == size:
            self.show("Importing the upload")

    def auditing(self, progress: AuditProgress) -> None:
        if progress.job is not None:
            left = waiting.duration(progress.eta_seconds)
            self.show(waiting.step(progress), progress.progress, left)
        elif progress.status is JobStatus.queued:
            self.show(waiting.step(progress))


@contextmanager
def progress() -> Generator[ProgressDisplay]:
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
        yield ProgressDisplay(bars)


def dataset(read: DatasetRead) -> None:
    unlabeled = read.sample_count - read.labeled_count
    out.print(
        plain(read.name, "bold"),
        f"{read.sample_count:,} samples ({read.kind}), {len(read.class_names)} classes"
        + (f", {unlabeled:,} without a label" if unlabeled else ""),
    )
    for warning in read.warnings:
        out.print(Text("  note: ", "yellow") + plain(warning))


def summary(found: SummaryRead) -> None:
    """The noise rate with its interval, the tiers, what is amiss with the dataset, and what could
    not be judged."""
    rate = found.noise_rate
    out.print(
        f"Wrong labels: about [bold]{percent(rate.value)}[/], "
        f"between {percent(rate.low)} and {percent(rate.high)}"
    )
    for name in (name for name in Tier if name in found.tiers):  # worst first
        out.print(Text(f"  {name:<9}", TIER_STYLE[name]), _tier(name, found.tiers[name]))
    if found.looks:
        out.print(
            f"Reviewing {found.looks.looks} random samples can show that at least "
            f"{percent(found.looks.level)} of {found.looks.samples:,} suggestions are right: "
            "[bold]labelaudit certificate open[/]"
        )
    for check in (check for check in found.checks if check.found):
        out.print(Text("Dataset: ", "bold yellow") + plain(check.detail))
    for reason in found.cannot_judge:
        out.print(Text("Not judged: ", "bold yellow") + plain(reason))


def _tier(name: Tier, tier: TierSummary) -> str:
    """The size of a tier and the share of wrong labels to expect in it."""
    count, precision = f"{tier.count:,} samples", tier.precision
    if precision is None:
        return count
    if name is Tier.none:  # nobody is sent there, so only its error rate matters
        return f"{count}, {percent(precision.value)} expected to be mislabeled"
    bound = f" (lower bound {percent(precision.low)})" if precision.low is not None else ""
    return f"{count}, expected precision {percent(precision.value)}{bound}"


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


def table(items: Iterable[Item], columns: Mapping[str, Callable[[Item], object]]) -> None:
    """One row per item; each column by its heading."""
    rows(list(columns), ([value(item) for value in columns.values()] for item in items))


def listing(
    items: Sequence[Item], as_json: bool, columns: Mapping[str, Callable[[Item], object]]
) -> None:
    """The items as a table, or all their fields as JSON."""
    if as_json:
        all_as_json(items)
    else:
        table(items, columns)
