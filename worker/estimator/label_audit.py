"""`LabelAudit`: find wrong labels the way scikit-learn's users fit a model."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    check_random_state,
    column_or_1d,
    validate_data,
)

from labelaudit.client.waiting import shown
from labelaudit.schemas import Estimate
from worker.estimator import engine, inputs
from worker.estimator.predicting import probabilities_of
from worker.estimator.suspects import as_table

SMALLEST = 10  # samples
MAX_SEED = 2**31 - 1


class LabelAudit(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Finds the wrong labels of a classification dataset, and trains a model on the others.

    `fit` runs an audit on a service of its own, in the background and in a temporary folder. The
    first call of a process starts that service, which takes some seconds.

    Parameters
    ----------
    objective, objective_options, encoder, network, replicas, epochs, families
        The options of an audit; the defaults suit an unknown dataset. None means the default.
    random_state : int, RandomState or None
        The seed of everything random. The default gives the same result each time.
    verbose : bool
        Show a progress bar in a notebook or terminal.

    Attributes
    ----------
    classes_ : (C,) the labels
    p_wrong_ : (N,) probability that the given label is wrong; high = bad
    suspects_ : data frame, or structured array without pandas, with N rows in the order of X
        cleanlab's columns `is_label_issue`, `label_quality`, `given_label`, `predicted_label`, and
        all others of a downloaded ranking. Labels are those of y.
    noise_rate_ : the share of wrong labels, with `value`, `low` and `high` (95 %)
    summary_ : tiers, noise matrix and the rest of the summary
    n_features_in_, feature_names_in_ : as elsewhere; texts have neither
    """

    def __init__(
        self,
        *,
        objective: str = "gce",
        objective_options: dict[str, Any] | None = None,
        encoder: str | None = "auto",
        network: str = "auto",
        replicas: int | None = None,
        epochs: int | None = None,
        families: tuple[str, ...] | None = None,
        random_state: Any = 0,
        verbose: bool = False,
    ) -> None:
        self.objective = objective
        self.objective_options = objective_options
        self.encoder = encoder
        self.network = network
        self.replicas = replicas
        self.epochs = epochs
        self.families = families
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, *, pred_probs: Any = None) -> Self:
        """Audit the labels `y` of `X`.

        Parameters
        ----------
        X : (N, D) array of vectors, (N,) list of texts, or a data frame with one row per sample
            A data frame may have columns of categories, and missing values.
        y : (N,) given labels
        pred_probs : (N, C), optional
            Out-of-sample probabilities of your own model, columns in the order of the sorted
            labels. They are ranked as they are: nothing is trained, and X may be None.
        """
        if pred_probs is not None:
            return self._rank(X, y, pred_probs)
        if y is None:
            raise ValueError("LabelAudit requires y to be passed, but the target y is None.")
        self.kind_ = inputs.kind_of(X)
        samples = self._checked(X, reset=True, ensure_min_samples=SMALLEST)
        codes, names = self._labels(y, samples)
        write: Callable[[Path], inputs.Upload]
        match self.kind_:
            case "vectors":
                vectors = samples.astype(np.float32)
                write = partial(inputs.write_arrays, codes=codes, names=names, embeddings=vectors)
            case "texts":
                write = partial(inputs.write_texts, codes=codes, names=names, texts=samples)
            case _:
                write = partial(inputs.write_frame, codes=codes, names=names, frame=samples)
        return self._audit(write, inputs.index_of(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """(N,) labels, by the model that was trained on the cleaned labels."""
        chosen = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[chosen]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """(N, C) calibrated probabilities; the columns are `classes_`, rows sum to 1."""
        check_is_fitted(self)
        if self.model_ is None:
            raise ValueError(
                "This LabelAudit ranked your pred_probs, so it has no model. "
                "Fit it without pred_probs to predict."
            )
        return probabilities_of(self.model_, self.kind_, self._checked(X, reset=False))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "suspects_")

    def _rank(self, X: Any, y: Any, pred_probs: Any) -> Self:
        given = check_array(pred_probs, dtype=np.float32, input_name="pred_probs")
        self.kind_ = "vectors" if X is None else inputs.kind_of(X)
        if X is not None:
            check_consistent_length(X, given)
        codes, names = self._labels(y, given)
        if given.shape[1] != len(names):
            raise ValueError(
                f"pred_probs has {given.shape[1]} columns, but y has {len(names)} classes."
            )
        write = partial(inputs.write_arrays, codes=codes, names=names, pred_probs=given)
        return self._audit(write, inputs.index_of(X))

    def _audit(self, write: Any, index: Any) -> Self:
        with shown(quiet=not self.verbose) as report:
            found = engine.audit(write, self._options(), on_progress=report)
        self.suspects_ = as_table(found.suspects, self.classes_, index)
        self.p_wrong_: NDArray[np.float64] = found.suspects["p_wrong"].to_numpy()
        self.summary_ = found.summary
        self.noise_rate_: Estimate = found.summary.noise_rate
        self.model_ = found.model
        return self

    def _options(self) -> dict[str, Any]:
        """The options of the audit, as its request has them."""
        seed = self.random_state
        if seed is None or not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(MAX_SEED)
        return {
            "objective": self.objective,
            "objective_options": self.objective_options or {},
            "encoder": self.encoder,
            "network": self.network,
            "replicas": self.replicas,
            "epochs": self.epochs,
            "families": self.families,
            "seed": int(seed),
        }

    def _labels(self, y: Any, samples: Any) -> tuple[NDArray[np.int64], list[str]]:
        """Class indices of `y`, and the names of the classes."""
        labels = column_or_1d(y, warn=True)
        check_consistent_length(samples, labels)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("LabelAudit needs at least 2 classes, but y has 1 class.")
        names = [str(label) for label in self.classes_.tolist()]
        return codes.astype(np.int64), names

    def _checked(self, X: Any, *, reset: bool, ensure_min_samples: int = 1) -> Any:
        if self.kind_ == "texts":
            if inputs.kind_of(X) != "texts":
                raise ValueError("This LabelAudit was fitted to texts; X must be a list of texts.")
            if len(X) < ensure_min_samples:
                raise ValueError(f"LabelAudit needs at least {ensure_min_samples} texts.")
            return [str(text) for text in X]
        if self.kind_ == "table":
            if not hasattr(X, "columns"):
                raise ValueError("This LabelAudit was fitted to a data frame; X must be one too.")
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        return validate_data(
            self, X, reset=reset, dtype=np.float64, ensure_min_samples=ensure_min_samples
        )
