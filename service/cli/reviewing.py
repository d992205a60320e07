"""`review …`: review settings, assignments, the team, the history of a sample, reverts."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel

from labelaudit.client.review import Review
from labelaudit.schemas import (
    AssignmentRead,
    CorrectionRead,
    RevertRead,
    SampleHistory,
    Share,
    TeamMember,
)
from service.cli import show
from service.cli.options import (
    AsJson,
    AuditId,
    DataDir,
    GivenLabel,
    PredictedLabel,
    Tiers,
    Url,
    connect,
)

app = typer.Typer(help="Manage the review of an audit.", no_args_is_help=True)

People = Annotated[list[str], typer.Option("--to", help="A person's key id; repeatable.")]
Row = TypeVar("Row", bound=BaseModel)


@contextmanager
def _reviewers(audit_id: str, data_dir: Path | None, url: str | None) -> Generator[Review]:
    with connect(data_dir, url) as client:
        yield client.get_audit(audit_id).review()


def _print_all(
    found: Sequence[Row],
    names: Sequence[str],
    cells: Callable[[Row], Sequence[object]],
    *,
    as_json: bool,
) -> None:
    if as_json:
        show.all_as_json(found)
    else:
        show.rows(names, map(cells, found))


@app.command()
def settings(
    audit_id: AuditId,
    opinions: Annotated[
        int | None, typer.Option(min=1, max=9, help="Opinions wanted of each sample.")
    ] = None,
    adjudicator: Annotated[
        list[str] | None,
        typer.Option(help="A person's key id; repeatable. Replaces all current adjudicators."),
    ] = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Show or change how many opinions each sample requires and who adjudicates."""
    with _reviewers(audit_id, data_dir, url) as reviewers:
        if opinions is None and adjudicator is None:
            found = reviewers.settings()
        else:
            found = reviewers.update_settings(opinions=opinions, adjudicators=adjudicator)
    named = ", ".join(one.name for one in found.adjudicators) or "uploaders and admins"
    show.out.print(show.plain(f"opinions: {found.opinions}; adjudicators: {named}"))


@app.command()
def people(
    audit_id: AuditId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """List who can review, with the key ids that the other commands take."""
    with _reviewers(audit_id, data_dir, url) as reviewers:
        found = reviewers.reviewers()
    names = ("id", "name", "role")
    _print_all(found, names, lambda one: (one.id, one.name, one.role), as_json=as_json)


@app.command()
def assign(
    audit_id: AuditId,
    name: Annotated[str, typer.Argument(help="A name for the assignment.")],
    to: People,
    tier: Tiers = None,
    given_label: GivenLabel = None,
    predicted_label: PredictedLabel = None,
    split: Annotated[
        bool, typer.Option("--split", help="Give each person an equal share.")
    ] = False,
    reserved: Annotated[
        bool, typer.Option("--reserved", help="Serve these samples to nobody else.")
    ] = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Assign a part of the queue to people, who are served it first."""
    with _reviewers(audit_id, data_dir, url) as reviewers:
        assignment = reviewers.assign(
            name,
            to,
            tier=tier,
            given_label=given_label,
            predicted_label=predicted_label,
            split=split,
            reserved=reserved,
        )
    show.out.print(show.plain(assignment.id))


@app.command()
def assignments(
    audit_id: AuditId,
    close: Annotated[
        str | None,
        typer.Option(help="An assignment to close first; corrections made under it are kept."),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """List the open assignments."""
    with _reviewers(audit_id, data_dir, url) as reviewers:
        if close is not None:
            reviewers.end_assignment(close)
        found = reviewers.assignments()
    names = ("id", "name", "people", "tier", "given", "predicted", "split", "reserved")
    _print_all(found, names, _assignment, as_json=as_json)


def _assignment(one: AssignmentRead) -> tuple[str, ...]:
    return (
        one.id,
        one.name,
        ", ".join(person.name for person in one.people),
        ", ".join(one.tier),
        one.given_label or "any",
        one.predicted_label or "any",
        "yes" if one.split else "-",
        "yes" if one.reserved else "-",
    )


@app.command()
def team(
    audit_id: AuditId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """Show how much each person reviewed, how fast, and how far they agree with the others."""
    with _reviewers(audit_id, data_dir, url) as reviewers:
        found = reviewers.team()
    names = ("id", "who", "verdicts", "skips", "reverted", "per hour", "agreement", "upheld")
    _print_all(found, names, _member, as_json=as_json)


def _member(one: TeamMember) -> tuple[str, ...]:
    pace = "-" if one.per_hour is None else f"{one.per_hour:.0f}"
    counts = (f"{one.verdicts:,}", f"{one.skips:,}", f"{one.reverted:,}", pace)
    return (one.id or "-", one.name, *counts, _share(one.agreement), _share(one.upheld))


def _share(value: Share | None) -> str:
    if value is None:
        return "-"
    return f"{value.value:.0%} ({value.low:.0%} to {value.high:.0%}, n = {value.n:,})"


@app.command()
def history(
    audit_id: AuditId,
    sample_id: Annotated[str, typer.Argument(help="The sample's id.")],
    comment: Annotated[str | None, typer.Option(help="A comment to add first.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Show a sample's full history: corrections, reverts and comments."""
    with _reviewers(audit_id, data_dir, url) as reviewers:
        if comment is not None:
            reviewers.comment(sample_id, comment)
        found = reviewers.history(sample_id)
    if as_json:
        show.as_json(found.model_dump(mode="json"))
    else:
        _print_history(found)


def _print_history(found: SampleHistory) -> None:
    now = found.corrected_label or found.verdict or "-"
    header = f"{found.sample_id}: given {found.given_label}, {found.state}, now {now}"
    show.out.print(show.plain(header))
    events = [
        (row.created_at, row.annotator.name, row.id, _describe(row)) for row in found.corrections
    ]
    events += [
        (comment.created_at, comment.author.name, comment.id, f"comment: {comment.text}")
        for comment in found.comments
    ]
    show.rows(
        ("when", "who", "id", "what"),
        ((f"{when:%Y-%m-%d %H:%M:%S}", *rest) for when, *rest in sorted(events)),
    )
    if found.hidden:
        show.out.print("Other people's opinions are hidden until the sample has all its opinions.")


def _describe(row: CorrectionRead) -> str:
    what = f"reverted {row.reverts}" if row.reverts else str(row.verdict)
    label = "" if row.corrected_label is None or row.reverts else f" {row.corrected_label}"
    note = f" ({row.note})" if row.note else ""
    return f"{what}{label}{note}" + (f", batch {row.batch_id}" if row.batch_id else "")


@app.command()
def revert(
    audit_id: AuditId,
    batch_id: Annotated[
        str | None, typer.Argument(help="The batch of one request, or of an earlier revert.")
    ] = None,
    all_of: Annotated[
        str | None, typer.Option(help="A person's key id: revert all their verdicts here.")
    ] = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Revert a batch of corrections, or all of a person's; the log keeps both."""
    if (batch_id is None) == (all_of is None):
        raise typer.BadParameter("Name either a batch or --all-of a person.")
    with _reviewers(audit_id, data_dir, url) as reviewers:
        if batch_id is not None:
            found = reviewers.revert_batch(batch_id)
        else:
            assert all_of is not None
            found = reviewers.revert_person(all_of)
    show.out.print(show.plain(_reverted(found)))


def _reverted(found: RevertRead) -> str:
    return f"{found.reverted} reverted; batch {found.id} restores them"
