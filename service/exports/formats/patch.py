"""The decisions alone, one JSON object a line, in the order of the samples."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from service.exports.formats.corrections import CorrectedLabels, read_rows

Progress = Callable[[float], None]
TELL_EVERY = 1000


def write_patch(samples: Path, labels: CorrectedLabels, target: Path, tell: Progress) -> None:
    """`sample_id, given_label, corrected_label, verdict, annotator, corrected_at, excluded`."""
    with target.open("wb") as file:
        for done, line in enumerate(patch_lines(samples, labels), 1):
            file.write(line)
            if done % TELL_EVERY == 0:
                tell(done / len(labels))


def patch_lines(samples: Path, labels: CorrectedLabels) -> Iterator[bytes]:
    """The lines of a patch. An excluded sample has no corrected label."""
    positions = sorted(labels)
    rows = read_rows(samples, positions, ["sample_id", "given_label"])
    for position, row in zip(positions, rows, strict=True):
        decision = labels[position]
        corrected = decision.corrected_label or row["given_label"]
        change = {
            **row,
            "corrected_label": None if decision.excluded else corrected,
            "verdict": decision.verdict,
            "annotator": decision.annotator,
            "corrected_at": decision.timestamp,
            "excluded": decision.excluded,
        }
        yield (json.dumps(change, ensure_ascii=False) + "\n").encode()
