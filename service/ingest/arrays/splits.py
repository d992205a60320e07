"""Arrays of each split of the data: X_train and y_train, test_images and test_labels."""

import re

from service.ingest.archives.archive import Archive
from service.ingest.arrays.npz import ArrayHeader, ArrayRows
from service.ingest.arrays.pictures import is_pixels

LABEL_ROLES = ("y", "label", "labels", "target", "targets")
ROLES = "x|images?|data|features?|embeddings?|inputs?|vectors|y|labels?|targets?"
SPLITS = "train|training|val|valid|validation|dev|test|testing"
SPLIT_ARRAY = re.compile(
    f"(?P<role>{ROLES})_?(?P<split>{SPLITS})|(?P<last>{SPLITS})_?(?P<first>{ROLES})"
)


def split_arrays(headers: dict[str, ArrayHeader]) -> dict[str, dict[str, str]]:
    """Arrays of each split by the role that their names tell: X_train, test_labels.

    Empty unless some split has both its samples and their labels, all of equal length.
    """
    found: dict[str, dict[str, str]] = {}
    for name, header in headers.items():
        match = SPLIT_ARRAY.fullmatch(name.lower())
        if match and header.shape:
            role = match["role"] or match["first"]
            split = match["split"] or match["last"]
            kind = "label" if role in LABEL_ROLES else "samples"
            found.setdefault(split, {}).setdefault(kind, name)
    whole = {
        split: arrays
        for split, arrays in found.items()
        if "samples" in arrays
        and (
            "label" not in arrays
            or headers[arrays["label"]].shape[0] == headers[arrays["samples"]].shape[0]
        )
    }
    return whole if any("label" in arrays for arrays in whole.values()) else {}


def split_rows(
    archive: Archive,
    headers: dict[str, ArrayHeader],
    arrays: dict[str, str],
    names: list[str] | None,
) -> ArrayRows:
    """The rows of one split, its arrays called `image` or `X`, and `label`."""
    samples = headers[arrays["samples"]]
    called = "image" if is_pixels(samples.shape, samples.dtype) else "X"
    rows = {called: samples}
    if "label" in arrays:
        rows["label"] = headers[arrays["label"]]
    return ArrayRows(archive, rows, names)
