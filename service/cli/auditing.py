"""`audit`, `suspects`, `correct`, `export` and what else speaks to a running service."""

from pathlib import Path
from typing import Annotated, Any

import typer

from labelaudit import Audit, Client
from labelaudit.enums import Issue, Tier, Verdict
from labelaudit.schemas import DatasetRead, ExportFormat
from service.cli import show
from service.cli.options import (
    AsJson,
    AuditId,
    DataDir,
    DatasetId,
    Direct,
    Encoder,
    Epochs,
    FeatureColumns,
    FileColumn,
    LabelColumn,
    Name,
    Objective,
    Replicas,
    SampleIdColumn,
    Seed,
    Settings,
    TextColumn,
    Url,
    columns,
    connect,
    training,
)

Limit = Annotated[int, typer.Option(min=0, help="How many suspects to show.")]


def audit(
    path: Annotated[str, typer.Argument(help="A file, a folder, or a dataset's id (ds_…).")],
    name: Name = None,
    label_column: LabelColumn = None,
    sample_id_column: SampleIdColumn = None,
    text_column: TextColumn = None,
    file_column: FileColumn = None,
    feature_column: FeatureColumns = None,
    encoder: Encoder = None,
    objective: Objective = None,
    replicas: Replicas = None,
    epochs: Epochs = None,
    seed: Seed = None,
    settings: Settings = None,
    direct: Direct = None,
    limit: Limit = 20,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Upload a dataset, audit it, and show what is probably labeled wrong."""
    roles = columns(label_column, sample_id_column, text_column, file_column, feature_column)
    options = training(encoder, objective, replicas, epochs, seed, settings)
    with connect(data_dir, url) as client:
        dataset, handle = run_audit(
            client, path, name=name, roles=roles, options=options, direct=direct
        )
        if as_json:
            show.as_json(result(client, dataset, handle, limit))
        else:
            show_audit(dataset, handle, limit)
            url = f"{client.address.url}/audits/{handle.id}"
            show.out.print(f"\nReview them at {url}", soft_wrap=True)


def run_audit(
    client: Client,
    path: str,
    *,
    name: str | None,
    roles: dict[str, Any],
    options: dict[str, Any],
    direct: bool | None = None,
) -> tuple[DatasetRead, Audit]:
    """Upload, unless `path` is the id of a dataset; audit; wait, with progress bars."""
    with show.steps() as steps:
        if path.startswith("ds_") and not Path(path).exists():
            dataset = client.wait_for_dataset(path)
        else:
            dataset = client.upload(
                path, name=name, on_bytes=steps.uploading, direct=direct, **roles
            )
        handle = client.audit(dataset.id, **options)
        handle.wait(steps.auditing)
    return dataset, handle


def result(client: Client, dataset: DatasetRead, handle: Audit, limit: int) -> dict[str, Any]:
    """What an audit found, for JSON."""
    return {
        "dataset": dataset.model_dump(mode="json"),
        "audit_id": handle.id,
        "summary": handle.summary(),
        "suspects": [one.model_dump(mode="json") for one in handle.suspects(limit=limit)],
        "url": f"{client.address.url}/audits/{handle.id}",
    }


def show_audit(dataset: DatasetRead, handle: Audit, limit: int) -> None:
    """What an audit found, for people."""
    show.dataset(dataset)
    show.summary(handle.summary())
    if limit:
        show.out.print()
        show.suspects(handle.suspects(limit=limit))


def suspects(
    audit_id: AuditId,
    tier: Annotated[list[Tier] | None, typer.Option(help="Only these; repeat as needed.")] = None,
    issue: Annotated[
        Issue | None, typer.Option(help="Only samples with this issue beside a wrong label.")
    ] = None,
    limit: Limit = 20,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Save the whole list as .csv or .parquet instead."),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """List the suspects of an audit, worst first."""
    with connect(data_dir, url) as client:
        handle = client.get_audit(audit_id)
        if output is not None:
            show.err.print(f"Saved {handle.save_suspects(output)}")
            return
        found = handle.suspects(tier=tier, issue=issue, limit=limit)
        if as_json:
            show.all_as_json(found)
        else:
            show.suspects(found)


def summary(
    audit_id: AuditId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """Show what an audit says about the whole dataset."""
    with connect(data_dir, url) as client:
        found = client.get_audit(audit_id).summary()
        (show.as_json if as_json else show.summary)(found)


def report(
    audit_id: AuditId,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write, or a folder for it.")
    ] = Path(),
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Save an audit's overview, pictures and all, as one HTML file."""
    with connect(data_dir, url) as client:
        saved = client.get_audit(audit_id).save_report(output)
    show.err.print(f"Saved {saved}")


def rerank(
    audit_id: AuditId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """Rank again with what reviewers have found so far."""
    with connect(data_dir, url) as client:
        handle = client.get_audit(audit_id)
        handle.rerank()
        (show.as_json if as_json else show.summary)(handle.summary())


def correct(
    audit_id: AuditId,
    sample_id: Annotated[str, typer.Argument(help="The sample's id.")],
    verdict: Annotated[Verdict, typer.Argument(help="Your decision.")],
    label: Annotated[str | None, typer.Argument(help="The right label, for `relabel`.")] = None,
    supersedes: Annotated[
        str | None, typer.Option(help="The correction that this one replaces.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Why, for those who read it later.")] = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Record a verdict on a sample: keep, accept_suggestion, relabel LABEL, exclude or skip."""
    if (verdict is Verdict.relabel) != (label is not None):
        raise typer.BadParameter("LABEL is given with the verdict `relabel`, and only then.")
    with connect(data_dir, url) as client:
        correction = client.get_audit(audit_id).correct(
            sample_id, verdict, label, supersedes=supersedes, note=note
        )
    show.out.print(
        show.plain(f"{correction.id}: {sample_id} {correction.given_label} -> "),
        show.plain(correction.corrected_label or verdict, "bold"),
        sep="",
    )


def revert(
    audit_id: AuditId,
    correction_id: Annotated[str, typer.Argument(help="The correction's id.")],
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Revert a correction; the log keeps both."""
    with connect(data_dir, url) as client:
        reverted = client.get_audit(audit_id).revert(correction_id)
    show.out.print(show.plain(f"{reverted.id} reverts {reverted.reverts}"))


def export(
    dataset_id: DatasetId,
    format: Annotated[ExportFormat, typer.Option(help="`patch` holds the changes alone.")] = (
        "original"
    ),
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder or a file.")] = Path(),
    dataset_version: Annotated[
        int | None, typer.Option("--version", help="The newest where left out.")
    ] = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Write the corrected dataset, as it came or in another format."""
    with connect(data_dir, url) as client:
        path = client.export(dataset_id, format, output, dataset_version=dataset_version)
    show.out.print(show.plain(path))


def datasets(
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """List the datasets, newest first, and the audits of each."""
    with connect(data_dir, url) as client:
        found = list(client.datasets(limit=limit))
        if as_json:
            show.all_as_json(found)
            return
        show.rows(
            ("dataset", "name", "kind", "samples", "version", "status", "newest audit"),
            (
                (
                    one.id,
                    one.name,
                    one.kind,
                    f"{one.sample_count:,}",
                    one.version,
                    one.status,
                    ", ".join(f"{a.id} ({a.status})" for a in client.audits(one.id, limit=1)),
                )
                for one in found
            ),
        )


def delete(
    dataset_id: DatasetId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Delete a dataset with its audits, corrections and exports."""
    with connect(data_dir, url) as client:
        name = client.dataset(dataset_id).name
        if not yes:
            typer.confirm(f"Delete {name!r} with all its audits and corrections?", abort=True)
        client.delete(dataset_id)


def objectives(as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """List the noise-robust training objectives."""
    with connect(data_dir, url) as client:
        found = client.objectives()
    if as_json:
        show.as_json(found)
        return
    show.rows(
        ("name", "use when", "options"),
        (
            (
                one["name"],
                one["use_when"],
                ", ".join(f"{dial['name']}={dial['default']}" for dial in one["options"]),
            )
            for one in found
        ),
    )


def encoders(as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """List the encoders and the kinds of data they read."""
    with connect(data_dir, url) as client:
        found = client.encoders()
    if as_json:
        show.as_json(found)
        return
    show.rows(
        ("name", "kind", "description"),
        ((one["name"], one["kind"], one["description"]) for one in found),
    )
