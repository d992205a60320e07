"""Options that several commands share, and what they stand for in the API."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from labelaudit import Client
from labelaudit.enums import Tier


def _column(name: str, content: str) -> Any:
    help = f"The column of {content}. Detected automatically if omitted."
    return typer.Option(name, help=help, rich_help_panel="Columns")


def _training(help: str, **options: Any) -> Any:
    return typer.Option(help=help, rich_help_panel="Training", **options)


DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="LABELAUDIT_DATA_DIR",
        help="The data directory of the local service.",
        show_default="./labelaudit-data",
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="LABELAUDIT_URL",
        help="The URL of another service. Its key is read from LABELAUDIT_TOKEN.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
AuditId = Annotated[str, typer.Argument(help="The audit id, au_…")]
Tiers = Annotated[list[Tier] | None, typer.Option(help="Repeat for several.")]
GivenLabel = Annotated[str | None, typer.Option(help="Only samples with this given label.")]
PredictedLabel = Annotated[str | None, typer.Option(help="Only samples with this predicted label.")]
DatasetId = Annotated[str, typer.Argument(help="The dataset id, ds_…")]

Name = Annotated[str | None, typer.Option("--name", help="The name of the dataset.")]
LabelColumn = Annotated[str | None, _column("--label-column", "labels")]
SampleIdColumn = Annotated[str | None, _column("--sample-id-column", "sample ids")]
TextColumn = Annotated[str | None, _column("--text-column", "texts")]
FileColumn = Annotated[str | None, _column("--file-column", "file names")]
FeatureColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--feature-column", help="A feature column. Repeat for several.", rich_help_panel="Columns"
    ),
]
Direct = Annotated[
    bool | None,
    typer.Option(
        "--direct/--through-service",
        help="Upload large files to the service's bucket, or through the service.",
        show_default="the bucket if this machine reaches it",
    ),
]
Encoder = Annotated[
    str | None,
    _training(
        "A name from `labelaudit encoders`, or `none` to train on the images themselves.",
        show_default="auto",
    ),
]
Objective = Annotated[str | None, _training("A name from `labelaudit objectives`.")]
Replicas = Annotated[int | None, _training("Number of bootstrap models to train.")]
Epochs = Annotated[int | None, _training("Number of passes over the dataset.")]
Seed = Annotated[int | None, _training("The random seed.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Set any other audit option of the API, e.g. network=linear or "
        "objective_options.q=0.5. Repeat for several.",
        rich_help_panel="Training",
    ),
]


def connect(data_dir: Path | None, url: str | None) -> Client:
    return Client(url, data_dir=data_dir)


def column_roles(
    label: str | None,
    sample_id: str | None,
    text: str | None,
    file: str | None,
    features: list[str] | None,
) -> dict[str, Any]:
    """The column roles that were given, as the API names them."""
    roles = {
        "label": label,
        "sample_id": sample_id,
        "text": text,
        "file": file,
        "features": features,
    }
    return {role: column for role, column in roles.items() if column}


def upload_arguments(roles: dict[str, Any]) -> dict[str, Any]:
    """Column roles as arguments of `Client.upload`."""
    return {
        "feature_columns" if role == "features" else f"{role}_column": column
        for role, column in roles.items()
    }


def training(
    encoder: str | None,
    objective: str | None,
    replicas: int | None,
    epochs: int | None,
    seed: int | None,
    settings: list[str] | None,
) -> dict[str, Any]:
    """The audit options that were given, as the API names them."""
    named = {"objective": objective, "replicas": replicas, "epochs": epochs, "seed": seed}
    options: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    if encoder is not None:
        options["encoder"] = None if encoder == "none" else encoder
    for setting in settings or ():
        _put(options, setting)
    return options


def _put(options: dict[str, Any], setting: str) -> None:
    name, separator, text = setting.partition("=")
    if not separator or not name:
        raise typer.BadParameter(f"{setting!r} is not NAME=VALUE.", param_hint="--set")
    try:
        value = json.loads(text)
    except ValueError:
        value = text  # a bare word
    *outer, last = name.split(".")
    for part in outer:
        options = options.setdefault(part, {})
    options[last] = value
