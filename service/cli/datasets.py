"""`datasets`, `columns`, `annotators`, `export`, `labeling-config`, `delete`: manage datasets."""

from pathlib import Path
from typing import Annotated

import typer

from labelaudit import Client
from labelaudit.schemas import AnnotatorPage, DatasetRead, Estimate, ExportFormat
from labelaudit.schemas.datasets import AnnotatorRead
from service.cli import options, show
from service.cli.options import AsJson, DataDir, DatasetId, Url, connect


def datasets(
    limit: Annotated[int, typer.Option(min=1, help="Number of datasets to show.")] = 20,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """List the datasets and their newest audit, newest first."""
    with connect(data_dir, url) as client:
        show.listing(
            list(client.datasets(limit=limit)),
            as_json,
            {
                "dataset": lambda dataset: dataset.id,
                "name": lambda dataset: dataset.name,
                "kind": lambda dataset: dataset.kind,
                "samples": lambda dataset: f"{dataset.sample_count:,}",
                "version": lambda dataset: dataset.version,
                "status": lambda dataset: dataset.status,
                "newest audit": lambda dataset: _newest_audit(client, dataset),
            },
        )


def _newest_audit(client: Client, dataset: DatasetRead) -> str:
    return ", ".join(f"{audit.id} ({audit.status})" for audit in client.audits(dataset.id, limit=1))


def columns(
    dataset_id: DatasetId,
    label_column: options.LabelColumn = None,
    sample_id_column: options.SampleIdColumn = None,
    text_column: options.TextColumn = None,
    file_column: options.FileColumn = None,
    feature_column: options.FeatureColumns = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Show the detected column roles. Set a role to import the dataset again."""
    roles = options.column_roles(
        label_column, sample_id_column, text_column, file_column, feature_column
    )
    with connect(data_dir, url) as client:
        if roles:
            client.set_columns(dataset_id, **roles)
        found = client.columns(dataset_id)
    show.listing(
        found,
        as_json,
        {
            "column": lambda column: column.name,
            "role": lambda column: column.role,
            "type": lambda column: column.type,
            "missing": lambda column: f"{column.missing:,}",
            "examples": lambda column: " · ".join(column.examples),
        },
    )


def annotators(
    dataset_id: DatasetId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """Show the accuracy and agreement of a dataset's annotators."""
    with connect(data_dir, url) as client:
        found = client.annotators(dataset_id)
    if as_json:
        show.as_json(found.model_dump(mode="json"))
    else:
        _show_annotators(found)


def _show_annotators(found: AnnotatorPage) -> None:
    show.out.print(
        f"{found.votes:,} votes by {found.annotator_count:,} annotators"
        f" on {found.samples:,} samples"
    )
    for name, estimate in (
        ("agreeing pairs", found.observed_agreement),
        ("Krippendorff's alpha", found.krippendorff_alpha),
        ("Fleiss' kappa", found.fleiss_kappa),
    ):
        show.out.print(f"  {name}: {_estimate(estimate)}")
    show.table(
        found.items,
        {
            "annotator": lambda one: one.annotator,
            "votes": lambda one: f"{one.votes:,}",
            "accuracy": lambda one: f"{one.accuracy:.0%}",
            "agreement": _agreement,
            "most often wrong (label → true class)": _confusion,
        },
    )


def _estimate(found: Estimate | None) -> str:
    return "-" if found is None else f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def _agreement(one: AnnotatorRead) -> str:
    if one.agreement is None:
        return "-"
    found = one.agreement
    return f"{found.value:.0%} ({found.low:.0%} to {found.high:.0%})"


def _confusion(one: AnnotatorRead) -> str:
    if one.confused is None:
        return "-"
    return f"{one.confused.said} → {one.confused.true} ({one.confused.rate:.0%})"


def export(
    dataset_id: DatasetId,
    format: Annotated[ExportFormat, typer.Option(help="`patch` contains only the changes.")] = (
        "original"
    ),
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write, or its folder.")
    ] = Path(),
    dataset_version: Annotated[
        int | None,
        typer.Option("--version", help="The dataset version.", show_default="the latest"),
    ] = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Export the corrected dataset, in its original or another format."""
    with connect(data_dir, url) as client:
        path = client.export(dataset_id, format, output, dataset_version=dataset_version)
    show.out.print(show.plain(path))


def labeling_config(dataset_id: DatasetId, url: Url = None, data_dir: DataDir = None) -> None:
    """Print the labeling configuration of a Label Studio project for a dataset's tasks."""
    with connect(data_dir, url) as client:
        typer.echo(client.labeling_config(dataset_id), nl=False)


def delete(
    dataset_id: DatasetId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Delete a dataset with its audits, corrections and exports."""
    with connect(data_dir, url) as client:
        name = client.dataset(dataset_id).name
        if not yes:
            typer.confirm(f"Delete {name!r} with its audits, corrections and exports?", abort=True)
        client.delete(dataset_id)
