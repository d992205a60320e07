"""`model` and `predict`: inspect an audit's classifier, and run it on new samples."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from labelaudit.client.pictures import is_picture
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
        help="Images or folders of images; a file with one text per line; a CSV or JSON Lines "
        "table; an .npy of vectors.",
        exists=True,
    ),
]


def model(
    audit_id: AuditId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Save the model files to this folder.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Show the accuracy of an audit's model once it is trained. Save it with -o."""
    with connect(data_dir, url) as client:
        classifier = client.get_audit(audit_id).classifier()
        found = classifier.wait()
        if output is not None:
            for path in classifier.save(output):
                show.err.print(f"Saved {path}")
    if as_json:
        show.as_json(found.model_dump(mode="json"))
    elif found.description is not None:
        _show(found.description)


def _show(model: ModelDescription) -> None:
    encoder = model.encoder.name or "the pixels"
    show.out.print(show.plain(f"{model.network} on {encoder}, {len(model.class_names)} classes"))
    show.out.print(f"Accuracy: {_accuracy(model.held_out)}")
    if model.threshold is None:
        target = show.percent(model.target_accuracy)
        show.out.print(f"Abstains always: it cannot reach the target accuracy of {target}")
    elif model.threshold > 0:
        show.out.print(
            f"Abstains below {show.percent(model.threshold)} confidence. It answers for "
            f"{show.percent(model.answered.share)} of the samples, "
            f"with an accuracy of {_accuracy(model.answered)}"
        )


def _accuracy(measured: Measured) -> str:
    return (
        f"{show.percent(measured.accuracy)} (lower bound {show.percent(measured.accuracy_low)}) on "
        f"{measured.samples:,} held-out samples"
    )


def predict(
    audit_id: AuditId,
    paths: Paths,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Run an audit's model on new samples."""
    with connect(data_dir, url) as client:
        classifier = client.get_audit(audit_id).classifier()
        description = classifier.wait().description
        assert description is not None
        names, samples = _read(description, paths)
        predictions = classifier.predict(**samples)
    if as_json:
        pairs = zip(names, predictions, strict=True)
        show.as_json([{"sample": name, **one.model_dump(mode="json")} for name, one in pairs])
        return
    show.rows(
        ("sample", "label", "confidence", ""),
        (
            (name, one.label, show.percent(one.confidence), "abstains" if one.cannot_say else "")
            for name, one in zip(names, predictions, strict=True)
        ),
    )


def _read(model: ModelDescription, paths: list[Path]) -> tuple[list[str], dict[str, Any]]:
    """The names of the samples, and the samples as an argument of `Classifier.predict`."""
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
        return (file for file in path.rglob("*") if file.is_file() and is_picture(file))
    return (path,)


def _rows(path: Path) -> list[dict[str, Cell]]:
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))
