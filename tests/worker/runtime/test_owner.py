"""Whether the holder of a job is dead can be told on its own machine, and nowhere else."""

import os
import resource
import subprocess
import sys

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


def test_of_another_machine_nothing_can_be_told():
    assert not is_dead("elsewhere/0123abcd/4026531836:1:4194304")
    assert not is_dead("tester")
    assert not is_dead("")


def test_the_name_fits_its_column_and_ends_with_the_process_id():
    assert len(own_name()) <= 200
    assert own_name().endswith(f":{os.getpid()}")
