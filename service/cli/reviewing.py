"""`review …`: who reviews what, what they did, the story of a sample, undoing many decisions."""

from typing import Annotated

import typer

from labelaudit.enums import Tier
from labelaudit.schemas import (
    CorrectionRead,
    Share,
    TeamMember,
    UndoneRead,
)
from service.cli import show
from service.cli.options import (
    AsJson,
    AuditId,
    DataDir,
    Url,
    connect,
)

app = typer.Typer(help="Who reviews an audit, and what they did.", no_args_is_help=True)

People = Annotated[list[str], typer.Option("--to", help="The id of a key; repeat for each person.")]


@app.command()
def settings(
    audit_id: AuditId,
    opinions: Annotated[
        int | None, typer.Option(min=1, max=9, help="People who judge each sample.")
    ] = None,
    adjudicator: Annotated[
        list[str] | None,
        typer.Option(help="The id of a key; repeat for each. They replace those of before."),
    ] = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Show how many opinions each sample wants and who adjudicates, or change it."""
    with connect(data_dir, url) as client:
        people = client.get_audit(audit_id).review()
        if opinions is None and adjudicator is None:
            found = people.settings()
        else:
            found = people.update_settings(opinions=opinions, adjudicators=adjudicator)
    named = ", ".join(found.adjudicators) or "those who lead"
    show.out.print(show.plain(f"opinions: {found.opinions}; adjudicators: {named}"))


@app.command()
def people(
    audit_id: AuditId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """List who can review: the ids that the other commands take."""
    with connect(data_dir, url) as client:
        found = client.get_audit(audit_id).review().reviewers()
    if as_json:
        show.all_as_json(found)
        return
    show.rows(("id", "name", "role"), ((one.id, one.name, one.role) for one in found))


@app.command()
def assign(
    audit_id: AuditId,
    name: Annotated[str, typer.Argument(help="What to call the part.")],
    to: People,
    tier: Annotated[list[Tier] | None, typer.Option(help="Repeat for several.")] = None,
    given_label: Annotated[
        str | None, typer.Option(help="Only samples with this given label.")
    ] = None,
    predicted_label: Annotated[
        str | None, typer.Option(help="Only samples with this predicted label.")
    ] = None,
    split: Annotated[bool, typer.Option("--split", help="Each gets an equal share.")] = False,
    reserved: Annotated[
        bool, typer.Option("--reserved", help="Nobody else is served these samples.")
    ] = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Give a part of the queue to people, who are served it first."""
    with connect(data_dir, url) as client:
        made = (
            client.get_audit(audit_id)
            .review()
            .assign(
                name,
                to,
                tier=tier,
                given_label=given_label,
                predicted_label=predicted_label,
                split=split,
                reserved=reserved,
            )
        )
    show.out.print(show.plain(made.id))


@app.command()
def assignments(
    audit_id: AuditId,
    take_back: Annotated[
        str | None, typer.Option(help="End this one first; what was decided under it stays.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """List the assignments in force."""
    with connect(data_dir, url) as client:
        handle = client.get_audit(audit_id).review()
        if take_back is not None:
            handle.end_assignment(take_back)
        found = handle.assignments()
    if as_json:
        show.all_as_json(found)
        return
    show.rows(
        ("id", "name", "people", "tier", "given", "models say", "split", "reserved"),
        (
            (
                one.id,
                one.name,
                ", ".join(person.name for person in one.people),
                ", ".join(one.tier),
                one.given_label or "any",
                one.predicted_label or "any",
                "yes" if one.split else "-",
                "yes" if one.reserved else "-",
            )
            for one in found
        ),
    )


@app.command()
def team(
    audit_id: AuditId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """Show what each person decided, how fast, and how far they agree with the others."""
    with connect(data_dir, url) as client:
        found = client.get_audit(audit_id).review().team()
    if as_json:
        show.all_as_json(found)
        return
    show.rows(
        ("id", "who", "decisions", "skipped", "undone", "per hour", "agree", "upheld"),
        (_member(one) for one in found),
    )


def _member(one: TeamMember) -> tuple[str, ...]:
    pace = "-" if one.per_hour is None else f"{one.per_hour:.0f}"
    counts = (f"{one.decisions:,}", f"{one.skips:,}", f"{one.undone:,}", pace)
    return (one.id, one.name, *counts, _share(one.agreement), _share(one.upheld))


def _share(value: Share | None) -> str:
    if value is None:
        return "-"
    return f"{value.estimate:.0%} ({value.low:.0%} to {value.high:.0%}, n = {value.n:,})"


@app.command()
def history(
    audit_id: AuditId,
    sample_id: Annotated[str, typer.Argument(help="The sample's id.")],
    say: Annotated[str | None, typer.Option(help="Add a comment first.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Show a sample's whole story: decisions, undoings, comments."""
    with connect(data_dir, url) as client:
        handle = client.get_audit(audit_id).review()
        if say is not None:
            handle.comment(sample_id, say)
        story = handle.history(sample_id)
    if as_json:
        show.as_json(story.model_dump(mode="json"))
        return
    now = story.corrected_label or story.verdict or "-"
    show.out.print(show.plain(f"{sample_id}: given {story.given_label}, {story.state}, now {now}"))
    told = [(row.created_at, row.annotator, row.id, _told(row)) for row in story.corrections]
    told += [
        (said.created_at, said.author, said.id, f"said: {said.text}") for said in story.comments
    ]
    show.rows(
        ("when", "who", "id", "what"),
        ((f"{when:%Y-%m-%d %H:%M:%S}", *rest) for when, *rest in sorted(told)),
    )
    if story.hidden:
        show.out.print("What others said is kept back until everybody has judged the sample.")


def _told(row: CorrectionRead) -> str:
    what = f"undid {row.reverts}" if row.reverts else str(row.verdict)
    label = "" if row.corrected_label is None or row.reverts else f" {row.corrected_label}"
    note = f" ({row.note})" if row.note else ""
    return f"{what}{label}{note}" + (f", batch {row.batch_id}" if row.batch_id else "")


@app.command()
def undo(
    audit_id: AuditId,
    batch_id: Annotated[
        str | None, typer.Argument(help="What one request stored; an undoing is a batch, too.")
    ] = None,
    all_of: Annotated[
        str | None, typer.Option(help="The id of a key: undo all that person decided here.")
    ] = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Undo a batch of decisions, or all of a person's; the log keeps both."""
    if (batch_id is None) == (all_of is None):
        raise typer.BadParameter("Name either a batch or --all-of a person.")
    with connect(data_dir, url) as client:
        handle = client.get_audit(audit_id).review()
        if batch_id is not None:
            undone = handle.revert_batch(batch_id)
        else:
            assert all_of is not None
            undone = handle.revert_reviewer(all_of)
    show.out.print(show.plain(_undone(undone)))


def _undone(undone: UndoneRead) -> str:
    back = f"; batch {undone.batch_id} undoes that" if undone.batch_id else ""
    return f"{undone.reverted} undone{back}"
