"""Writes the corrections alone, one JSON object per line, in the order of the samples."""

import json
from collections.abc import Iterator
from pathlib import Path

from service.exports.formats.corrections import CorrectedLabels, read_rows
from service.exports.formats.output import Output

PROGRESS_INTERVAL = 1000  # lines


def write_patch(samples: Path, labels: CorrectedLabels, output: Output) -> None:
    """Write one line per corrected sample."""
    with output.target.open("wb") as file:
        for done, line in enumerate(patch_lines(samples, labels), 1):
            file.write(line)
            if done % PROGRESS_INTERVAL == 0:
                output.on_progress(done / len(labels))


def patch_lines(samples: Path, labels: CorrectedLabels) -> Iterator[bytes]:
    """The lines of a patch. An excluded sample has no corrected label."""
    positions = sorted(labels)
    rows = read_rows(samples, positions, ["sample_id", "given_label"])
    for position, row in zip(positions, rows, strict=True):
        correction = labels[position]
        corrected = correction.corrected_label or row["given_label"]
        change = {
            **row,
            "corrected_label": None if correction.excluded else corrected,
            "verdict": correction.verdict,
            "annotator": correction.annotator,
            "corrected_at": correction.timestamp,
            "excluded": correction.excluded,
            "certificate": correction.certificate,
        }
        yield (json.dumps(change, ensure_ascii=False) + "\n").encode()
