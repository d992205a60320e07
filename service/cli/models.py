"""`model` and `predict`: what an audit's classifier is worth, and what it says."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from labelaudit.schemas.model_description import Cell, Measured, ModelDescription
from service.cli import show
from service.cli.options import (
    AsJson,
    AuditId,
    DataDir,
    Url,
    connect,
)

Paths = Annotated[
    list[Path],
    typer.Argument(
        help="Images or folders of them; a file with one text a line; a CSV or JSON Lines table; "
        "an .npy of vectors.",
        exists=True,
    ),
]
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm"})


def model(
    audit_id: AuditId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Save the model's files into a folder.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Show the classifier of an audit, once it is trained; with -o, save it."""
    with connect(data_dir, url) as client:
        handle = client.get_audit(audit_id).classifier()
        found = handle.wait()
        if output is not None:
            for path in handle.save(output):
                show.err.print(f"Saved {path}")
    if as_json:
        show.as_json(found.model_dump(mode="json"))
    elif found.description is not None:
        _show(found.description)


def _show(model: ModelDescription) -> None:
    encoder = model.encoder.name or "the pixels"
    show.out.print(show.plain(f"{model.network} on {encoder}, {len(model.class_names)} classes"))
    show.out.print(f"Right: {_share(model.held_out)}")
    if model.threshold is None:
        show.out.print(f"Cannot say: always, {show.percent(model.target_accuracy)} is out of reach")
    elif model.threshold > 0:
        show.out.print(
            f"Cannot say: below {show.percent(model.threshold)} confidence; where it answers, "
            f"{show.percent(model.answered.share)} of the samples, right: {_share(model.answered)}"
        )


def _share(measured: Measured) -> str:
    return (
        f"{show.percent(measured.accuracy)} (at least {show.percent(measured.accuracy_low)}) of "
        f"{measured.samples:,} samples left out of training"
    )


def predict(
    audit_id: AuditId,
    paths: Paths,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Ask the classifier of an audit about new samples."""
    with connect(data_dir, url) as client:
        handle = client.get_audit(audit_id).classifier()
        description = handle.wait().description
        assert description is not None
        names, asked = _read(description, paths)
        predictions = handle.predict(**asked)
    if as_json:
        pairs = zip(names, predictions, strict=True)
        show.as_json([{"sample": name, **one.model_dump(mode="json")} for name, one in pairs])
        return
    show.rows(
        ("sample", "label", "confidence", ""),
        (
            (name, one.label, show.percent(one.confidence), "cannot say" if one.cannot_say else "")
            for name, one in zip(names, predictions, strict=True)
        ),
    )


def _read(model: ModelDescription, paths: list[Path]) -> tuple[list[str], dict[str, Any]]:
    """What to call the samples, and the samples, under the name that `predict` takes them by."""
    if model.kind == "image":
        files = sorted(file for path in paths for file in _images(path))
        return [str(file) for file in files], {"images": [file.read_bytes() for file in files]}
    if len(paths) != 1:
        raise typer.BadParameter("Give one file.")
    (path,) = paths
    items: list[Any]
    match model.kind:
        case "text":
            items = [line for line in path.read_text().splitlines() if line.strip()]
            return items, {"texts": items}
        case "table":
            assert model.table is not None
            known = model.table.names
            items = [{n: v for n, v in row.items() if n in known} for row in _rows(path)]
            return [str(number) for number in range(1, len(items) + 1)], {"rows": items}
        case _:
            import numpy as np

            items = np.load(path, allow_pickle=False).tolist()
            return [str(number) for number in range(len(items))], {"vectors": items}


def _images(path: Path) -> Iterable[Path]:
    if path.is_dir():
        return (file for file in path.rglob("*") if file.suffix.lower() in IMAGES)
    return (path,)


def _rows(path: Path) -> list[dict[str, Cell]]:
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))
