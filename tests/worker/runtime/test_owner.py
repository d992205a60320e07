"""Whether the holder of a job is dead can be told on its own machine, and nowhere else."""

import os
import resource
import subprocess
import sys

import pytest

from worker.runtime import owner
from worker.runtime.owner import is_dead, own_name

PRINT = "from worker.runtime.owner import own_name; print(own_name(), flush=True); input()"


def test_a_living_process_is_not_gone_and_a_dead_one_is():
    process = subprocess.Popen(
        [sys.executable, "-c", PRINT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert not is_dead(name)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not collected yet
        assert is_dead(name)
    assert is_dead(name)


def test_another_process_of_the_same_number_is_not_the_holder():
    realm, _started, pid = own_name().split(":")
    assert is_dead(f"{realm}:1:{pid}")


def test_a_kernel_that_will_not_say_proves_nobody_dead():
    name = own_name()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))  # no descriptor left to ask with
    try:
        gone = is_dead(name)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert not gone


@pytest.fixture
def forgotten(monkeypatch):
    """What this process found out about its machine is found out anew."""
    found_out = (owner._realm, owner._realm_is_exact, owner._boot, owner._namespace)
    for cached in found_out:
        cached.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    for cached in found_out:
        cached.cache_clear()


@pytest.mark.parametrize("hidden", ["sys/kernel/random/boot_id", "self/ns/pid"])
def test_a_machine_that_cannot_name_itself_exactly_proves_nobody_dead(hidden, forgotten, tmp_path):
    """A process id means nothing without the boot and the namespace that it belongs to."""
    for name in ("sys/kernel/random/boot_id", "self/ns/pid"):
        if name != hidden:
            (tmp_path / name).parent.mkdir(parents=True)
            (tmp_path / name).write_text("0123abcd-and-more")
    forgotten.setattr(owner, "PROC", tmp_path)
    forgotten.setattr("socket.gethostname", lambda: "a:b" + "c" * 200)
    name = own_name()
    assert name == f"a-b{'c' * 97}:0:{os.getpid()}"
    assert not is_dead(name)


def test_the_name_tells_boot_and_namespace(forgotten, tmp_path):
    boot = tmp_path / "sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_text("0123abcd-and-more\n")
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").touch()
    stat = tmp_path / f"{os.getpid()}/stat"
    stat.parent.mkdir()
    stat.write_text(f"{os.getpid()} (a) b) S {' '.join(str(n) for n in range(4, 53))}")
    forgotten.setattr(owner, "PROC", tmp_path)
    forgotten.setattr("socket.gethostname", lambda: "host")
    number = (tmp_path / "self/ns/pid").stat().st_ino
    name = own_name()
    assert name == f"host/0123abcd/{number}:22:{os.getpid()}"  # the 22nd field of the kernel's
    assert not is_dead(name)
    stat.write_text(stat.read_text().replace(" S ", " Z "))
    assert is_dead(name)


def test_of_another_machine_nothing_can_be_told():
    assert not is_dead("elsewhere/0123abcd/4026531836:1:4194304")
    assert not is_dead("tester")
    assert not is_dead("")


def test_the_name_fits_its_column_and_ends_with_the_process_id():
    assert len(own_name()) <= 200
    assert own_name().endswith(f":{os.getpid()}")
