"""Memory does not grow with the upload: each file here is larger than what may be used for it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.service.ingest.uploads import to_csv, to_jsonl, write_npz

ROWS = 200_000
ALLOWED = 120 << 20

# A fresh process, because a peak cannot be taken back. VmHWM begins anew there, ru_maxrss does not.
SCRIPT = """
import re, sys
from pathlib import Path
from service.exports.formats import Correction, export
from service.ingest import ingest

def peak():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024

upload, folder = Path(sys.argv[1]), Path(sys.argv[2])
before = peak()
report = ingest(upload, filename=upload.name, destination=folder / "samples")
taken_in = peak()
samples = folder / "samples" / "samples.parquet"
labels = {p: Correction("1", "relabel") for p in range(0, report.sample_count, 100)}
export(report.kind, report.format, upload, samples, labels, folder / "out")
print(report.sample_count, taken_in - before, peak() - before)
"""


def long_texts():
    generator = np.random.default_rng(0)
    return (generator.bytes(350).hex() for _ in range(ROWS))


def write_csv(path):
    rows = ((f"text {text}", row % 3) for row, text in enumerate(long_texts()))
    path.write_text(to_csv(("text", "label"), rows))


def write_jsonl(path):
    rows = ({"text": f"a {text}", "label": row % 3} for row, text in enumerate(long_texts()))
    path.write_text(to_jsonl(rows))


def write_one_row_group(path):
    table = pa.table({"text": list(long_texts()), "label": [row % 3 for row in range(ROWS)]})
    pq.write_table(table, path, compression="none", row_group_size=ROWS)


def write_vectors(path):
    vectors = np.random.default_rng(0).normal(size=(ROWS, 256)).astype(np.float32)
    write_npz(path.with_suffix(".npz"), X=vectors, y=np.arange(ROWS) % 3)
    path.with_suffix(".npz").rename(path)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
@pytest.mark.parametrize("make", [write_csv, write_jsonl, write_one_row_group, write_vectors])
def test_memory_stays_bounded_for_200000_rows(make, tmp_path):
    upload = tmp_path / "upload"
    make(upload)
    assert upload.stat().st_size > ALLOWED
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(upload), str(tmp_path)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    count, taken_in, sent_out = map(int, result.stdout.split())
    assert count == ROWS
    assert taken_in < ALLOWED
    assert sent_out < ALLOWED
