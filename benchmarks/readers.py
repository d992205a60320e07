"""What becomes of every file in a folder: as expected or not, its time and its memory.

    python -m benchmarks.readers FOLDER

Each file is read by a process of its own, by what the sandbox runs. The table EXPECTED says what
should become of it: `read` with its kind and class counts, or `refused` with a type of problem. A
file that is not in the table is shown without a verdict. Exits with 1 if any file is not as
expected.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from service.core.errors import ServiceError
from service.ingest import ingest

BINARY = ("table", {"no": 40, "yes": 40})
TEXTS = ("text", {"neg": 30, "pos": 30})
MORE_TEXTS = ("text", {"neg": 40, "pos": 40})
GROUPS = ("table", {"a": 30, "b": 30, "c": 30, "d": 30})
COLOURS = ("table", {"grün": 40, "weiß": 40})
PETS = ("image", {"cat": 20, "dog": 20})

# File -> kind and classes with their counts, or the type of problem that it is refused with.
EXPECTED: dict[str, tuple[str, dict[str, int]] | str] = {
    "c03_unnamed0.csv": ("table", {"0.0": 26, "1.0": 26, "2.0": 26}),
    "c04_alike.csv": (
        "table",
        {"Cat": 13, "cafe\u0301": 13, "caf\u00e9": 26, "cat": 14, "cat ": 14},
    ),
    "c05_sep_line.csv": COLOURS,
    "c06_decimal_comma.csv": COLOURS,
    "c07_cp1252.csv": COLOURS,
    "c08_utf16.csv": COLOURS,
    "c09_quoteall.csv": TEXTS,
    "c10_noheader.data": ("table", {"setosa": 53, "virginica": 27}),
    "c11_space_sep.csv": ("table", {"<=50K": 53, ">50K": 27}),
    "c12_tags.jsonl": TEXTS,
    "c13_span.jsonl": TEXTS,
    "c14_varlen.jsonl": TEXTS,
    "c15_meta.jsonl": TEXTS,
    "c16_array.json": TEXTS,
    "c17_coco.json": "unsupported-media-type",
    "c17b_coco_oneline.json": "unsupported-media-type",
    "c18_multilabel.jsonl": "multiple-labels",
    "c19_multilabel.csv": (
        "text",
        {
            "neg": 20,
            "neg;late": 4,
            "neg;urgent": 5,
            "neg;urgent;late": 1,
            "pos": 21,
            "pos;late": 3,
            "pos;urgent": 5,
            "pos;urgent;late": 1,
        },
    ),
    "c20b_lsjsonmin.json": TEXTS,
    "c21_conll.txt": "unsupported-media-type",
    "c22_regress.csv": "label-is-quantity",
    "c24.csv.gz": ("table", {"EU": 27, "NA": 27, "None": 26}),
    "c25_messy.csv": BINARY,
    "c26_infinity.csv": "non-finite-features",
    "c27_dupcols.csv": "csv-malformed",
    "c30_one.csv": ("table", {"0": 27, "1": 27, "1.0": 26}),
    "c38b_tsv_openquote.tsv": TEXTS,
    "c40_backslash.csv": TEXTS,
    "d01_train_flat_test.zip": PETS,
    "d02_intel.zip": ("image", {"cat": 30, "dog": 30}),
    "d03_splits_stray.zip": ("image", {"cat": 30, "dog": 30}),
    "d03c_split_only.zip": "label-column-missing",
    "d05_backslash.zip": ("image", {"cat": 15, "dog": 15}),
    "d06b_cp437.zip": ("image", {"glas": 10, "müll": 10}),
    "d06c_cp1252.zip": ("image", {"glas": 10, "müll": 10}),
    "d07_truncated_small.zip": ("image", {"cat": 20, "dog": 19}),
    "d08_modes.zip": ("image", {"cat": 30, "dog": 30}),
    "d09_heic_half.zip": "too-many-bad-images",
    "d09d_jfif.zip": ("image", {"bird": 20, "cat": 20, "dog": 20}),
    "d11.tar": ("image", {"cat": 15, "dog": 15}),
    "d11.tar.gz": ("image", {"cat": 15, "dog": 15}),
    "d12_mnist-idx-ubyte": "unsupported-media-type",
    "d12b_cifar_batch.bin": "unsupported-media-type",
    "d12c_matlab.mat": "unsupported-media-type",
    "d13_kaggle_ids.zip": PETS,
    "d13b_manifest_subset.zip": PETS,
    "d13c_manifest_backslash.zip": PETS,
    "d13d_manifest_abs.zip": PETS,
    "d14_hf_two_meta.zip": PETS,
    "d16_nfd.zip": ("image", {"cafe\u0301": 10, "caf\u00e9": 10, "tea": 10}),
    "d17_extra.zip": ("image", {"cat": 15, "dog": 15}),
    "e10_bool.npz": ("vector", {"false": 60, "true": 60}),
    "e11_col_labels.npz": ("vector", {"0": 30, "1": 30, "2": 30, "3": 30}),
    "e13_medmnist.npz": ("image", {"0": 34, "1": 34, "2": 32}),
    "e14_images.npz": ("image", {"0": 20, "1": 20, "2": 20}),
    "e15_traintest.npz": ("vector", {"0": 30, "1": 30, "2": 30, "3": 30}),
    "f01_hf_image.parquet": ("image", {"cat": 30, "dog": 30}),
    "f03_hf_multilabel.parquet": "multiple-labels",
    "f04_categorical.parquet": ("table", {"high": 30, "low": 60, "mid": 30}),
    "f05_range_index.parquet": ("table", {"high": 30, "low": 30}),
    "f08_string_view.parquet": GROUPS,
    "f09_binary_label.parquet": GROUPS,
    "f11_date_label.parquet": ("table", {f"{year}-01-01": 30 for year in range(2020, 2024)}),
    "f19_ordered.parquet": ("table", {"high": 40, "low": 40, "mid": 40}),
    "f21_index_by_label.parquet": ("table", {"p": 105, "q": 92, "r": 103, "s": 100}),
    "g01_embed_and_text.jsonl": MORE_TEXTS,
    "g02_bbox_nested.jsonl": MORE_TEXTS,
    "g05_numlabel_list.jsonl": ("text", {"0": 40, "1": 40}),
    "g08_argilla.jsonl": MORE_TEXTS,
    "g09_prodigy.jsonl": MORE_TEXTS,
    "h01_gif120.zip": ("image", {"cat": 75, "dog": 74}),
    "h02_huge.zip": ("image", {"cat": 75, "dog": 74}),
    "i01_plusminus.csv": ("table", {"+": 40, "-": 40}),
    "i02_nan_class.csv": "too-few-classes",
    "i03_null_words.csv": ("text", {"N/A": 16, "NULL": 16, "None": 16, "neg": 16, "pos": 16}),
    "i05_emptyfirst.csv": ("text", {"0": 40, "1": 40}),
    "i06_cats_num.csv": ("table", {"a": 40, "b": 40}),
}


FORMS = {
    "CSV and other tables of text": (".csv", ".tsv", ".data", ".gz", ".txt"),
    "JSON, JSON Lines": (".json", ".jsonl"),
    "Parquet, Arrow, spreadsheets": (".parquet", ".arrow", ".xlsx", ".ods"),
    "NumPy arrays": (".npz", ".npy"),
    "zip archives": (".zip",),
    "other": ("",),
}


@dataclass(frozen=True)
class Reading:
    """What became of one file."""

    outcome: tuple[str, dict[str, int]] | str
    said: str
    seconds: float
    mebibytes: float


def read(path: Path) -> Reading:
    """Read one file as the sandbox does."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcome: tuple[str, dict[str, int]] | str
        try:
            report = ingest(path, filename=path.name, destination=Path(folder) / "out")
            outcome = report.kind, dict(zip(report.class_names, report.class_counts, strict=True))
            said = "; ".join(report.warnings)
        except ServiceError as error:
            outcome, said = error.type.rpartition("/")[2], error.detail
    return Reading(outcome, said, time.monotonic() - began, 0.0)


def read_alone(path: Path) -> Reading:
    """`read` in a child, so that its peak memory is its own."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiver)
        with os.fdopen(sender, "w") as file:
            json.dump(asdict(read(path)), file)
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as file:
        found = json.load(file)
    _, _, usage = os.wait4(child, 0)
    outcome = found["outcome"]
    found["outcome"] = outcome if isinstance(outcome, str) else tuple(outcome)
    return Reading(**{**found, "mebibytes": usage.ru_maxrss / 1024})


def verdict_of(reading: Reading, expected: tuple[str, dict[str, int]] | str | None) -> str:
    """`read` or `refused` where that was expected, `WRONG`, or `new` without an expectation."""
    if expected is None:
        return "new"
    if reading.outcome != expected:
        return "WRONG"
    return "refused" if isinstance(expected, str) else "read"


def table(readings: Mapping[str, Reading]) -> str:
    """How many files of each form were read, refused as they should be, or wrong."""
    forms: dict[str, list[str]] = {}
    for name, reading in readings.items():
        form = next(form for form, endings in FORMS.items() if name.endswith(endings))
        forms.setdefault(form, []).append(verdict_of(reading, EXPECTED.get(name)))
    forms["**all**"] = [verdict for verdicts in forms.values() for verdict in verdicts]
    lines = ["| files | read | refused with the right word | wrong |", "|---|--:|--:|--:|"]
    for form, verdicts in forms.items():
        counts = Counter(verdicts)
        lines.append(f"| {form} | {counts['read']} | {counts['refused']} | {counts['WRONG']} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    readings = {}
    for path in sorted(parser.parse_args().folder.iterdir()):
        if not path.is_file() or path.suffix == ".md":
            continue
        reading = readings[path.name] = read_alone(path)
        outcome = reading.outcome
        what = outcome if isinstance(outcome, str) else f"{outcome[0]} {outcome[1]}"
        print(
            f"{verdict_of(reading, EXPECTED.get(path.name)):8}{path.name:32} "
            f"{reading.seconds:5.1f} s {reading.mebibytes:5.0f} MiB  {what}  {reading.said[:120]}",
            flush=True,
        )
    print(table(readings))
    sys.exit(any(verdict_of(one, EXPECTED.get(name)) == "WRONG" for name, one in readings.items()))


if __name__ == "__main__":
    main()
