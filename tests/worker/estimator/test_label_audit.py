"""`LabelAudit` keeps scikit-learn's conventions, and finds what an audit finds."""

import pickle
import sys
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from labelaudit import LabelAudit
from service.exports.formats.suspects import CODED
from tests.support.live import LiveService, live
from worker.estimator import engine, inputs
from worker.estimator.suspects import as_table

__all__ = ["live"]


@pytest.fixture
def blobs():
    """Three clouds in the plane; every tenth label is the next class's."""
    generator = np.random.default_rng(0)
    true = np.arange(60) % 3
    X = 6.0 * np.eye(3)[true] + generator.normal(size=(60, 3))
    names = np.array(["ant", "bee", "cat"])
    wrong = np.arange(60) % 10 == 4
    return X, names[np.where(wrong, (true + 1) % 3, true)], wrong


@pytest.mark.filterwarnings("ignore")  # the checks provoke them
def test_every_check_of_scikit_learn_passes(quick_engine):
    results = check_estimator(LabelAudit(), on_fail=None, on_skip=None)
    assert [one["check_name"] for one in results if one["status"] == "failed"] == []
    skipped = {one["check_name"] for one in results if one["status"] == "skipped"}
    assert skipped == {"check_array_api_input"}  # only where SciPy's array API is switched on
    assert len(results) > 50


def test_the_attributes_are_in_the_order_of_the_rows(quick_engine, blobs):
    X, y, wrong = blobs
    audit = LabelAudit().fit(X, y)
    assert audit.classes_.tolist() == ["ant", "bee", "cat"]
    assert set(np.argsort(-audit.p_wrong_)[: wrong.sum()]) == set(np.flatnonzero(wrong))
    assert audit.suspects_["given_label"].tolist() == y.tolist()
    assert audit.suspects_["is_label_issue"].to_numpy()[wrong].all()
    assert audit.noise_rate_.low <= audit.noise_rate_.value <= audit.noise_rate_.high
    assert audit.predict_proba(X).sum(axis=1) == pytest.approx(1)
    assert (audit.predict(X) != y).sum() == wrong.sum()


def test_a_copy_has_the_parameters_and_a_pickle_the_model(quick_engine, blobs):
    X, y, _ = blobs
    audit = LabelAudit(replicas=3, random_state=5).fit(X, y)
    copied = clone(audit).set_params(epochs=7)
    assert (copied.replicas, copied.epochs, copied.random_state) == (3, 7, 5)
    with pytest.raises(NotFittedError):
        copied.predict(X)
    again = pickle.loads(pickle.dumps(audit))
    assert again.predict(X).tolist() == audit.predict(X).tolist()


def test_it_is_the_last_step_of_a_pipeline(quick_engine, blobs):
    X, y, _ = blobs
    pipeline = make_pipeline(StandardScaler(), LabelAudit()).fit(X, y)
    assert pipeline.score(X, y) > 0.8


def test_a_frame_of_numbers_is_an_array_and_lends_its_index(quick_engine, blobs):
    X, y, _ = blobs
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=[f"r{row}" for row in range(60)])
    audit = LabelAudit().fit(frame, y)
    assert audit.suspects_.index.tolist() == frame.index.tolist()
    assert audit.feature_names_in_.tolist() == ["a", "b", "c"]
    assert audit.p_wrong_ == pytest.approx(LabelAudit().fit(X, y).p_wrong_)


def test_without_pandas_the_suspects_are_a_structured_array(monkeypatch):
    rows: dict[str, Any] = {name: [None, None] for name in CODED.names}
    rows |= {"given_label": [1, 0], "predicted_label": [1, 1], "suggested_label": [None, 1]}
    rows |= {"p_wrong": [0.1, 0.9], "is_label_issue": [False, True], "reason": ["", "seldom"]}
    monkeypatch.setitem(sys.modules, "pandas", None)
    found = as_table(pa.table(rows, schema=CODED), np.array(["ant", "bee"]), None)
    assert isinstance(found, np.ndarray)
    assert found["given_label"].tolist() == ["bee", "ant"]
    assert found["suggested_label"].tolist() == [None, "bee"]
    assert found["p_wrong"].tolist() == [0.1, 0.9]


def test_own_probabilities_are_ranked_and_leave_no_model(quick_engine, blobs):
    X, y, wrong = blobs
    told = LabelAudit().fit(X, y).predict_proba(X)
    audit = LabelAudit().fit(None, y, pred_probs=told)
    assert set(np.argsort(-audit.p_wrong_)[: wrong.sum()]) == set(np.flatnonzero(wrong))
    with pytest.raises(ValueError, match="ranked your pred_probs"):
        audit.predict(X)
    with pytest.raises(ValueError, match="2 columns, but y has 3 classes"):
        LabelAudit().fit(None, y, pred_probs=told[:, :2])


@pytest.mark.parametrize(
    ("X", "kind"),
    [
        (["a text", "another"], "texts"),
        (np.array(["a text", "another"]), "texts"),
        (pd.Series(["a text", "another"]), "texts"),
        ([[1.0, 2.0], [3.0, 4.0]], "vectors"),
        (pd.DataFrame({"a": [1, 2]}), "vectors"),
        (pd.DataFrame({"a": [1, None]}), "table"),
        (pd.DataFrame({"a": ["x", "y"]}), "table"),
    ],
)
def test_the_kind_of_data_is_seen(X, kind):
    assert inputs.kind_of(X) == kind


def test_a_single_text_is_no_list_of_letters(quick_engine):
    with pytest.raises(ValueError, match="one text per sample"):
        LabelAudit().fit("a text", [0, 1])


def test_what_was_fitted_to_texts_reads_texts_alone(monkeypatch):
    audit: Any = LabelAudit()
    audit.kind_, audit.suspects_, audit.model_ = "texts", None, "a model"
    with pytest.raises(ValueError, match="must be a list of texts"):
        audit.predict(np.ones((2, 2)))


def test_the_environment_of_another_service_is_left_behind(monkeypatch):
    monkeypatch.setenv("LABELAUDIT_DATABASE_URL", "postgresql://elsewhere/x")
    monkeypatch.setenv("LABELAUDIT_DEVICE", "cpu")
    kept = {name for name in engine._environment() if name.startswith("LABELAUDIT_")}
    assert kept == {"LABELAUDIT_DEVICE", "LABELAUDIT_PORT"}


@pytest.fixture
def lived(live: LiveService, monkeypatch):
    """The service of the tests in place of one that the first audit would start."""
    monkeypatch.setattr(engine, "_address", lambda: (live.url, live.token))


@pytest.mark.slow  # real audits
def test_real_audits_of_vectors_a_table_and_texts(lived):
    with pytest.raises(ValueError, match="nonesuch"):
        LabelAudit(objective="nonesuch").fit(np.eye(20), np.arange(20) % 2)
    digits = load_digits()
    X, true = digits.data[digits.target < 3][:150], digits.target[digits.target < 3][:150]
    wrong = np.arange(150) % 10 == 4
    y = np.where(wrong, (true + 1) % 3, true)
    audit = LabelAudit(replicas=4, epochs=20).fit(X, y)
    worst = np.argsort(-audit.p_wrong_)[: wrong.sum()]
    assert wrong[worst].mean() >= 0.8
    assert (audit.predict(X) == true).mean() >= 0.95

    colours = np.array(["red", "green", None] * 20, dtype=object)
    frame = pd.DataFrame({"colour": colours, "label": np.arange(60.0)})
    audit = LabelAudit(replicas=2, epochs=20).fit(frame, frame["colour"].fillna("none"))
    assert (audit.predict(frame) == frame["colour"].fillna("none")).mean() >= 0.9

    texts = [
        f"Today we {act} {way}."
        for way in ("slowly", "with care", "before noon", "once more", "at last")
        for act in ("boil the pasta", "hoist the sail", "chop an onion", "steer the boat")
    ]
    audit = LabelAudit(replicas=2, epochs=20).fit(texts, ["kitchen", "sea"] * 10)
    assert audit.predict(["Now we bake the bread.", "Now we drop the anchor."]).tolist() == [
        "kitchen",
        "sea",
    ]
