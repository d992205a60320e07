"""Groups of samples come from columns, splits and vectors of what was uploaded."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.issues import find_issues
from worker.handlers.whole_dataset import Audited, check_dataset

COUNT = 600
REGIONS = ("north", "south", "east")


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """Rows of three regions; every seventh has none. The first row was not audited."""
    rows = np.arange(COUNT)
    table = pa.table(
        {
            "sample_id": [f"s{row:03}" for row in rows],
            "feature.region": [None if row % 7 == 0 else REGIONS[row % 3] for row in rows],
            "feature.note": [f"a text of its own {row}" for row in rows],
            "feature.age": rows.astype(float),
            "prior_split": ["test" if row % 5 == 0 else "train" for row in rows],
        }
    )
    path = tmp_path / "samples.parquet"
    pq.write_table(table, path)
    return path


def groups(samples: Path, wrong: np.ndarray) -> list[dict]:
    """The groups named if predictions of these positions are wrong. The first family knows half."""
    positions = np.arange(1, COUNT)
    labels = positions % 2
    predicted = np.where(wrong[positions], 1 - labels, labels)
    known = np.eye(2, dtype=np.float32)[predicted]
    half = known.copy()
    half[::2] = np.nan
    families = {"half": half, "all": known}
    issues = find_issues(families, labels, None, None)
    audited = Audited(samples, positions, labels, ["no", "yes"], families, None, None)
    checks = {check["name"]: check for check in check_dataset(audited, issues)}
    found = checks["underperforming_group"]
    assert found["found"] == bool(found["groups"])
    return found["groups"]


def test_a_value_of_a_column_in_which_predictions_fail_is_named_with_examples(samples):
    rows = np.arange(COUNT)
    wrong = (rows % 3 == 1) & (rows % 4 < 2)
    [group] = groups(samples, wrong)
    assert (group["kind"], group["name"]) == ("column", "region = south")
    inside = (rows[1:] % 3 == 1) & (rows[1:] % 7 != 0)
    assert group["size"] == inside.sum()
    assert group["accuracy"] == pytest.approx((~wrong[1:][inside]).mean(), abs=1e-4)
    assert group["sample_ids"] == ["s001", "s004", "s013"]


def test_a_split_in_which_predictions_fail_is_named(samples):
    rows = np.arange(COUNT)
    [group] = groups(samples, (rows % 5 == 0) & (rows % 2 == 0))
    assert (group["kind"], group["name"]) == ("split", "split = test")


def test_predictions_that_fail_everywhere_alike_name_nothing(samples):
    assert groups(samples, np.random.default_rng(0).random(COUNT) < 0.3) == []
