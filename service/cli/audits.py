"""`audit`, `suspects`, `summary`, `report`, `rerank`: run an audit and read its results."""

from pathlib import Path
from typing import Annotated, Any

import typer

from labelaudit import Audit, Client
from labelaudit.enums import Issue, Tier
from labelaudit.schemas import DatasetRead
from service.cli import options, show
from service.cli.options import AsJson, AuditId, DataDir, Url, connect

Limit = Annotated[int, typer.Option(min=0, help="Number of suspects to show.")]


def audit(
    path: Annotated[str, typer.Argument(help="A file, a folder, or a dataset id (ds_…).")],
    name: options.Name = None,
    label_column: options.LabelColumn = None,
    sample_id_column: options.SampleIdColumn = None,
    text_column: options.TextColumn = None,
    file_column: options.FileColumn = None,
    feature_column: options.FeatureColumns = None,
    encoder: options.Encoder = None,
    objective: options.Objective = None,
    replicas: options.Replicas = None,
    epochs: options.Epochs = None,
    seed: options.Seed = None,
    settings: options.Settings = None,
    direct: options.Direct = None,
    limit: Limit = 20,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Upload a dataset, audit it and show the suspects."""
    roles = options.column_roles(
        label_column, sample_id_column, text_column, file_column, feature_column
    )
    training = options.training(encoder, objective, replicas, epochs, seed, settings)
    with connect(data_dir, url) as client:
        dataset, audit = run_audit(
            client, path, name=name, roles=roles, training=training, direct=direct
        )
        if as_json:
            show.as_json(result(client, dataset, audit, limit))
        else:
            show_audit(dataset, audit, limit)
            show.out.print(f"\nReview the suspects at {_link(client, audit)}", soft_wrap=True)


def run_audit(
    client: Client,
    path: str,
    *,
    name: str | None,
    roles: dict[str, Any],
    training: dict[str, Any],
    direct: bool | None = None,
) -> tuple[DatasetRead, Audit]:
    """Upload, unless `path` is a dataset id; audit; wait, with progress bars."""
    with show.progress() as progress:
        if path.startswith("ds_") and not Path(path).exists():
            dataset = client.wait_for_dataset(path)
        else:
            dataset = client.upload(
                path,
                name=name,
                on_bytes=progress.uploading,
                direct=direct,
                **options.upload_arguments(roles),
            )
        audit = client.audit(dataset.id, **training)
        audit.wait(progress.auditing)
    return dataset, audit


def result(client: Client, dataset: DatasetRead, audit: Audit, limit: int) -> dict[str, Any]:
    """The result of an audit as JSON."""
    return {
        "dataset": dataset.model_dump(mode="json"),
        "audit_id": audit.id,
        "summary": audit.summary().model_dump(mode="json"),
        "suspects": [one.model_dump(mode="json") for one in audit.suspects(limit=limit)],
        "url": _link(client, audit),
    }


def _link(client: Client, audit: Audit) -> str:
    return f"{client.address.url}/audits/{audit.id}"


def show_audit(dataset: DatasetRead, audit: Audit, limit: int) -> None:
    """Print the result of an audit."""
    show.dataset(dataset)
    show.summary(audit.summary())
    if limit:
        show.out.print()
        show.suspects(audit.suspects(limit=limit))


def suspects(
    audit_id: AuditId,
    tier: Annotated[
        list[Tier] | None, typer.Option(help="Only this tier. Repeat for several.")
    ] = None,
    issue: Annotated[
        Issue | None, typer.Option(help="Only samples that also have this issue.")
    ] = None,
    limit: Limit = 20,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Save the full list as .csv or .parquet instead."),
    ] = None,
    row_order: Annotated[
        bool, typer.Option(help="With --output: keep the order of the upload.")
    ] = False,
    label_codes: Annotated[
        bool, typer.Option(help="With --output: write class indices instead of names.")
    ] = False,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """List the suspects of an audit, worst first."""
    with connect(data_dir, url) as client:
        audit = client.get_audit(audit_id)
        if output is not None:
            saved = audit.save_suspects(
                output,
                order="row" if row_order else "rank",
                labels="code" if label_codes else "name",
            )
            show.err.print(f"Saved {saved}")
            return
        found = audit.suspects(tier=tier, issue=issue, limit=limit)
        if as_json:
            show.all_as_json(found)
        else:
            show.suspects(found)


def summary(
    audit_id: AuditId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """Show the noise rate and the tiers of an audit."""
    with connect(data_dir, url) as client:
        found = client.get_audit(audit_id).summary()
        (show.as_json if as_json else show.summary)(found)


def report(
    audit_id: AuditId,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write, or its folder.")
    ] = Path(),
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Save an audit's overview and plots as one HTML file."""
    with connect(data_dir, url) as client:
        saved = client.get_audit(audit_id).save_report(output)
    show.err.print(f"Saved {saved}")


def rerank(
    audit_id: AuditId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """Rank the suspects again, using the verdicts so far."""
    with connect(data_dir, url) as client:
        audit = client.get_audit(audit_id)
        audit.rerank()
        (show.as_json if as_json else show.summary)(audit.summary())
