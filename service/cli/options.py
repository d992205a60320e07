"""Options that several commands share, and the connection they lead to."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from labelaudit import Client

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="LABELAUDIT_DATA_DIR",
        help="Where the service keeps everything, and where its address is found.",
        show_default="./labelaudit-data",
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="LABELAUDIT_URL",
        help="Another service than the one of this machine; its key is read from LABELAUDIT_TOKEN.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
AuditId = Annotated[str, typer.Argument(help="The audit's id, au_…")]
DatasetId = Annotated[str, typer.Argument(help="The dataset's id, ds_…")]

Name = Annotated[str | None, typer.Option("--name", help="What to call the dataset.")]
LabelColumn = Annotated[
    str | None,
    typer.Option("--label-column", help="Guessed where left out.", rich_help_panel="Columns"),
]
SampleIdColumn = Annotated[
    str | None,
    typer.Option("--sample-id-column", help="Guessed where left out.", rich_help_panel="Columns"),
]
TextColumn = Annotated[
    str | None,
    typer.Option("--text-column", help="Guessed where left out.", rich_help_panel="Columns"),
]
FileColumn = Annotated[
    str | None,
    typer.Option("--file-column", help="Guessed where left out.", rich_help_panel="Columns"),
]
FeatureColumns = Annotated[
    list[str] | None,
    typer.Option("--feature-column", help="Repeat for each feature.", rich_help_panel="Columns"),
]
Direct = Annotated[
    bool | None,
    typer.Option(
        "--direct/--through-service",
        help="Whether a large file goes straight to the service's bucket.",
        show_default="direct where the service has one within reach",
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        help="A name from `labelaudit encoders`; `none` trains a network on the images themselves.",
        rich_help_panel="Training",
        show_default="auto",
    ),
]
Objective = Annotated[
    str | None,
    typer.Option(help="A name from `labelaudit objectives`.", rich_help_panel="Training"),
]
Replicas = Annotated[
    int | None, typer.Option(help="Bootstrap models to train.", rich_help_panel="Training")
]
Epochs = Annotated[
    int | None, typer.Option(help="Passes over the dataset.", rich_help_panel="Training")
]
Seed = Annotated[int | None, typer.Option(help="Of everything random.", rich_help_panel="Training")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other field of an audit as the API names it, e.g. network=linear or "
        "objective_options.q=0.5. Repeat as needed.",
        rich_help_panel="Training",
    ),
]


def connect(data_dir: Path | None, url: str | None) -> Client:
    return Client(url, data_dir=data_dir)


def columns(
    label: str | None,
    sample_id: str | None,
    text: str | None,
    file: str | None,
    features: list[str] | None,
) -> dict[str, Any]:
    """The column roles that were named, as `Client.upload` takes them."""
    named = {
        "label_column": label,
        "sample_id_column": sample_id,
        "text_column": text,
        "file_column": file,
        "feature_columns": features,
    }
    return {role: column for role, column in named.items() if column}


def training(
    encoder: str | None,
    objective: str | None,
    replicas: int | None,
    epochs: int | None,
    seed: int | None,
    settings: list[str] | None,
) -> dict[str, Any]:
    """The audit options that were given, as the API takes them."""
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
