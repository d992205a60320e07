import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from labelaudit.enums import Basis
from labelaudit.schemas import Estimate, SummaryRead, VerdictCounts
from labelaudit.schemas.model_description import (
    Answered,
    EncoderUsed,
    LabelCounts,
    Measured,
    ModelDescription,
)
from service.exports.formats.suspects import CODED
from worker.estimator import engine


def quick_audit(write, options, *, on_progress=None):
    """The answer of a service, from one logistic regression: milliseconds instead of seconds."""
    with tempfile.TemporaryDirectory() as folder, np.load(write(Path(folder)).path) as arrays:
        labels, given = arrays["labels"], arrays.get("pred_probs")
        vectors = arrays["embeddings"] if given is None else given
    fitted = LogisticRegression(max_iter=500).fit(vectors, labels)
    told = fitted.predict_proba(vectors) if given is None else given
    return engine.Audited(_suspects(labels, told), _summary(), _model(fitted, given))


def _suspects(labels, told):
    p_wrong = 1 - told[np.arange(len(labels)), labels]
    rows = {name: [None] * len(labels) for name in CODED.names} | {
        "given_label": labels,
        "predicted_label": told.argmax(axis=1),
        "is_label_issue": p_wrong > 0.5,
        "label_quality": 1 - p_wrong,
        "p_wrong": p_wrong,
    }
    return pa.table(rows, schema=CODED)


def _summary():
    rate = Estimate(value=0.1, low=0.05, high=0.2, basis=Basis.estimated)
    return SummaryRead(
        audit_id="au_1",
        dataset_id="ds_1",
        dataset_version=0,
        ranking_id="ra_1",
        ranking_number=0,
        class_names=[],
        noise_rate=rate,
        noise_matrix=[],
        per_class=[],
        tiers={},
        cannot_judge=[],
        missing=[],
        verdicts=VerdictCounts(n=0, wrong=0, by_tier={}),
        review={},
    )


def _model(fitted, given):
    if given is not None:
        return None
    weight, bias = fitted.coef_, fitted.intercept_
    if len(weight) == 1:
        weight, bias = np.vstack([-weight, weight]) / 2, np.r_[-bias, bias] / 2
    measured = {"samples": 0, "weight": 0.0, "accuracy": None, "accuracy_low": None}
    description = ModelDescription(
        audit_id="au_1",
        dataset_id="ds_1",
        dataset_version=0,
        kind="vector",
        class_names=[str(name) for name in range(len(weight))],
        encoder=EncoderUsed(name="identity", version=1),
        table=None,
        network="linear",
        input_shape=[weight.shape[1]],
        replicas=1,
        temperature=1.0,
        threshold=0.5,
        target_accuracy=0.9,
        held_out=Measured(**measured),
        answered=Answered(**measured, share=0.0),
        trained_on=LabelCounts(given=0, doubtful=0, suggested=0, decided=0, left_out=0, classes={}),
    )
    weights = {
        "input.mean": np.zeros(weight.shape[1]),
        "input.factor": np.ones(weight.shape[1]),
        "output.weight": weight.T,
        "output.bias": bias,
    }
    return engine.Model(description, weights)


@pytest.fixture
def quick_engine(monkeypatch):
    monkeypatch.setattr(engine, "audit", quick_audit)
