"""Every objective trains a small network to the same numbers as before."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.worker.objectives.golden import FILE, told
from worker.objectives import OBJECTIVES

WRITTEN: dict[str, Any] = json.loads(FILE.read_text())


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_numbers_of_a_training(name: str) -> None:
    now, before = told(name), WRITTEN[name]
    np.testing.assert_allclose(now["losses"], before["losses"], rtol=2e-3, atol=2e-4)
    assert now["network"] == pytest.approx(before["network"], rel=1e-3)
    assert now["arrays"].keys() == before["arrays"].keys()
    for key, array in before["arrays"].items():
        np.testing.assert_allclose(now["arrays"][key], array, atol=1e-3, err_msg=key)
