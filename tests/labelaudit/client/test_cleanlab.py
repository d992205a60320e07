"""cleanlab takes a downloaded ranking as it is."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from labelaudit import Audit

cleanlab = pytest.importorskip("cleanlab")
TRUE = np.random.default_rng(0).integers(0, 3, 300)  # of `probabilities_file`
WRONG = np.arange(300) % 20 == 0


@pytest.fixture(scope="module")
def labels():
    return np.where(WRONG, (TRUE + 1) % 3, TRUE)


@pytest.mark.filterwarnings("ignore")  # cleanlab's own
def test_clean_learning_fits_without_the_suspects(audited: Audit, labels, tmp_path):
    from cleanlab.classification import CleanLearning

    path = audited.save_suspects(tmp_path / "suspects.parquet", order="row", labels="code")
    table = pd.read_parquet(path)
    assert table["given_label"].tolist() == labels.tolist()
    assert set(np.flatnonzero(table["is_label_issue"])) == set(np.flatnonzero(WRONG))
    learning = CleanLearning(LogisticRegression())
    learning.fit(np.eye(3)[TRUE], labels, label_issues=table)
    assert (learning.predict(np.eye(3)[TRUE]) == TRUE).all()
    used = learning.get_label_issues()
    assert used["is_label_issue"].tolist() == table["is_label_issue"].tolist()


@pytest.mark.filterwarnings("ignore")
def test_the_columns_are_those_of_datalab(audited: Audit, labels, tmp_path):
    pytest.importorskip("datasets")
    from cleanlab import Datalab

    path = audited.save_suspects(tmp_path / "suspects.parquet", order="row", labels="code")
    ours = pd.read_parquet(path)
    lab = Datalab({"label": labels.tolist()}, label_name="label", verbosity=0)
    told = np.full((300, 3), 0.05)
    told[np.arange(300), TRUE] = 0.9
    lab.find_issues(pred_probs=told, issue_types={"label": {}})
    theirs = lab.get_issues("label")
    assert set(theirs.columns) <= set(ours.columns)
    assert (theirs["is_label_issue"] == ours["is_label_issue"]).all()
    assert theirs["given_label"].tolist() == ours["given_label"].tolist()
