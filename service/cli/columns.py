"""`columns`: what the columns of an upload were taken for, and how to have them read otherwise."""

from typing import Any

from service.cli import show
from service.cli.options import (
    AsJson,
    DataDir,
    DatasetId,
    FeatureColumns,
    FileColumn,
    LabelColumn,
    SampleIdColumn,
    TextColumn,
    Url,
    connect,
)


def columns(
    dataset_id: DatasetId,
    label_column: LabelColumn = None,
    sample_id_column: SampleIdColumn = None,
    text_column: TextColumn = None,
    file_column: FileColumn = None,
    feature_column: FeatureColumns = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Show what the columns were taken for; with options, read the upload again under them."""
    named: dict[str, Any] = {
        "label": label_column,
        "sample_id": sample_id_column,
        "text": text_column,
        "file": file_column,
        "features": feature_column,
    }
    roles = {role: column for role, column in named.items() if column}
    with connect(data_dir, url) as client:
        if roles:
            client.set_columns(dataset_id, **roles)
        found = client.columns(dataset_id)
    if as_json:
        show.all_as_json(found)
        return
    show.rows(
        ("column", "role", "type", "missing", "examples"),
        ((c.name, c.role, c.type, f"{c.missing:,}", " · ".join(c.examples)) for c in found),
    )
