"""A file is read in a process of its own: what it breaks is that process, and says so."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import structlog

from service.core import sandbox
from service.core.config import Settings
from service.core.errors import BadDataset, Unavailable, UnsupportedMediaType
from service.ingest import (
    Allowance,
    ColumnRoles,
    ingest,
    ingest_confined,
    probe,
    reading_place,
)

CSV = "sample_id,label,text\n" + "".join(f"r{n},{'ab'[n % 2]},some words {n}\n" for n in range(40))


def read(upload: Path, *, on_progress=lambda _: None, roles=None, **allowance):
    return ingest_confined(
        upload,
        filename=upload.name,
        roles=roles or ColumnRoles(),
        destination=upload.parent / "out",
        allowance=Allowance(**allowance),
        on_progress=on_progress,
        on_columns=lambda _: None,
    )


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    return path


def readers() -> list[str]:
    """Reading processes that are still there."""
    command = ["ps", "-o", "args=", "--ppid", str(os.getpid())]
    listed = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return [line for line in listed if "child.py" in line or "service.ingest.process" in line]


def test_the_report_is_that_of_the_same_reading_here(csv, tmp_path):
    here = ingest(csv, filename="a.csv", destination=tmp_path / "here")
    assert read(csv) == here
    for folder in ("out", "here"):
        assert [path.name for path in (tmp_path / folder).iterdir()] == ["samples.parquet"]


def test_refusals_keep_their_kind_and_their_rows(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(CSV + "r0,a,again\n")
    with pytest.raises(BadDataset) as refused:
        read(path, roles=ColumnRoles(sample_id="sample_id"))
    assert refused.value.type == "duplicate-sample-id"
    assert refused.value.errors
    path.write_bytes(b"%PDF-1.7")
    with pytest.raises(UnsupportedMediaType):
        read(path)


def test_more_memory_than_allowed_is_refused_in_words(tmp_path):
    path = tmp_path / "wide.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in (
            ("embedding", np.random.default_rng(0).normal(size=(40, 50_000))),
            ("label", np.arange(40) % 2),
        ):
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(f"{name}.npy", buffer.getvalue())
    read(path)
    with pytest.raises(BadDataset) as refused:
        read(path, memory_bytes=8 << 20)
    assert refused.value.type in ("reading-too-much", "reader-crashed")
    assert "may" in refused.value.detail or "crashed" in refused.value.detail


def test_more_time_than_allowed_is_refused_in_words(tmp_path):
    path = tmp_path / "long.parquet"
    rows = 3_000_000
    pq.write_table(pa.table({"label": ["a", "b"] * (rows // 2), "x": np.arange(rows)}), path)
    with pytest.raises(BadDataset) as refused:
        read(path, seconds=1.5)
    assert refused.value.type == "reading-too-long"
    assert readers() == []


def run_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the child run `code` where it would read."""
    script = tmp_path / "child.py"
    script.write_text(
        "import sys, os, signal, time\nsys.stdin.readline()\n" + code,
    )
    monkeypatch.setattr(sys, "executable", str(_launcher(tmp_path, script)))


def _launcher(tmp_path: Path, script: Path) -> Path:
    launcher = tmp_path / "python"
    launcher.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{script}'\n")
    launcher.chmod(0o755)
    return launcher


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_file_that_crashes_its_reader_is_refused_and_nobody_else_dies(
    number, csv, tmp_path, monkeypatch
):
    run_child(tmp_path, monkeypatch, f"os.kill(os.getpid(), {int(number)})")
    with pytest.raises(BadDataset) as refused:
        read(csv)
    assert refused.value.type == "reader-crashed"
    assert number.name in refused.value.detail


def test_a_reader_killed_from_outside_is_no_fault_of_the_file(csv, tmp_path, monkeypatch):
    run_child(tmp_path, monkeypatch, "os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(Exception, match="no message") as lost:
        read(csv)
    assert not isinstance(lost.value, BadDataset)


def test_whoever_holds_the_step_can_end_it(csv, tmp_path, monkeypatch):
    run_child(tmp_path, monkeypatch, "time.sleep(60)")

    class Lost(Exception):
        pass

    def tell(_: float) -> None:
        raise Lost

    started = time.monotonic()
    with pytest.raises(Lost):
        read(csv, on_progress=tell)
    assert time.monotonic() - started < 10
    assert readers() == []


CONNECT = """
import errno, socket
from service.core import sandbox as c
{before}
try:
    print(c.leave_network(), socket.socket().connect_ex(('127.0.0.1', {port})))
except OSError as error:
    print('{how}', error.errno)
open({file!r}, 'w').write('still my own files')
"""


@pytest.mark.parametrize(
    ("before", "how"),
    [("", "namespace"), ("c._enter_namespace = lambda: False", "filter")],
)
def test_the_reader_has_no_network(tmp_path, before, how):
    """What the child does before it reads, done in a process of its own."""
    if sys.platform != "linux":
        pytest.skip("only Linux can take a process off the network")
    mine = tmp_path / "mine"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        code = CONNECT.format(before=before, port=port, how=how, file=str(mine))
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    told, error = found.stdout.split()
    if before == "" and told == "filter":
        how = "filter"  # this machine allows no namespaces
    assert told == how
    assert int(error) != 0
    assert mine.stat().st_uid == os.getuid()


SAYS = "import json\nprint(json.dumps({'confined': {'network': 'available', 'user': 'own'}}))\n"


def test_a_reader_with_a_network_is_said_and_refused_if_the_settings_say_so(
    csv, tmp_path, monkeypatch
):
    outcome = {"class": "BadDataset", "detail": "read", "type": "x", "errors": []}
    run_child(tmp_path, monkeypatch, f"{SAYS}print(json.dumps({{'refused': {outcome}}}))")
    with structlog.testing.capture_logs() as logged, pytest.raises(BadDataset):
        read(csv)
    assert ("reader_has_network", False) in [(one["event"], one.get("refused")) for one in logged]
    with pytest.raises(Unavailable) as refused:
        read(csv, needs_no_network=True)
    assert refused.value.type == "reader-not-confined"


def test_production_refuses_what_the_embedded_default_says_in_the_log():
    assert not Settings().reads_without_network_only
    assert Settings(database_url="postgresql://db/x").reads_without_network_only
    assert Settings(ingest_without_network=True).reads_without_network_only


def test_root_reads_as_another_user_and_keeps_what_was_read(csv, tmp_path):
    if not sandbox.can_change_user():
        pytest.skip("needs root, and an interpreter that other users may read")
    assert probe().user == "other"
    before = csv.stat()
    csv.chmod(0o600)
    tmp_path.chmod(0o700)
    read(csv)
    written = tmp_path / "out" / "samples.parquet"
    assert [path.name for path in written.parent.iterdir()] == ["samples.parquet"]
    assert written.stat().st_uid == os.getuid()
    assert (csv.stat().st_uid, csv.stat().st_gid) == (before.st_uid, before.st_gid)
    csv.write_bytes(b"%PDF-1.7")
    with pytest.raises(UnsupportedMediaType):
        read(csv)
    assert [path.name for path in written.parent.iterdir()] == ["samples.parquet"]


def test_what_a_reader_leaves_that_is_no_file_is_not_taken(tmp_path):
    folder, destination = tmp_path / "from", tmp_path / "to"
    folder.mkdir()
    destination.mkdir()
    (folder / "samples.parquet").symlink_to("/etc/hostname")
    with pytest.raises(RuntimeError, match="no file"):
        reading_place._take(folder, destination)
    assert list(destination.iterdir()) == []


def test_the_reader_does_not_outlive_its_worker(csv, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", "from service.ingest import process as p; p._follow_parent()"],
        stdin=subprocess.PIPE,
    )
    assert process.stdin is not None
    time.sleep(0.2)
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(20) == 1


def test_the_limits_hold_in_the_reader(tmp_path):
    limits = {"memory": 2 << 30, "seconds": 60, "file": 1000}
    code = (
        "import json, resource\n"
        "from service.ingest import process as p\n"
        f"p._limit({limits})\n"
        "names = ['RLIMIT_AS', 'RLIMIT_CPU', 'RLIMIT_FSIZE', 'RLIMIT_NOFILE', 'RLIMIT_CORE']\n"
        "print(json.dumps([resource.getrlimit(getattr(resource, n))[0] for n in names]))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    limits_found = json.loads(found.stdout)
    assert limits_found.pop(0) >= 2 << 30
    expected = [60, 1000, sandbox.OPEN_FILES, 0]
    assert limits_found == expected
