"""What others do, on the same vectors: cleanlab's recipe, one network's record, near neighbours.

Every peer maps a pack to scores (N,), high = bad, and where its score is a probability says so.
What several scores share (cross-validation, one training) is done once and charged to each.

The detectors of the library `mislabeled` (George et al., TMLR 2024, MIT) are not among them: it is
not on PyPI, so no pinned version can be installed. Of its families, self-confidence out of fold,
AUM and neighbours are here from their own sources.
"""

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import silhouette_score
from sklearn.model_selection import KFold, StratifiedKFold

from benchmarks.cost import Cost, measured
from benchmarks.packs import Pack
from service.options.training import TrainingConfig
from service.ranking.signals import aum, trajectory_blocks
from service.ranking.trajectory import Trajectory
from worker import objectives
from worker.training import families
from worker.training.loop import train
from worker.training.networks import NETWORKS
from worker.training.plan import plan_shards
from worker.training.recorder import Recorder

Floats = NDArray[np.floating]
FOLDS = 5
CLUSTERS = (2, 3, 4)


@dataclass(frozen=True)
class Scores:
    """(N,) scores, high = bad; `probability` where they estimate P(given label wrong)."""

    values: Floats
    probability: bool
    cost: Cost = field(default_factory=Cost)


def standardised(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """The vectors as the engine's own families see them."""
    tensor = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))
    result: NDArray[np.float32] = families.standardise(tensor).numpy()
    return result


def logistic_probabilities(
    vectors: NDArray[Any], labels: NDArray[np.int64], n_classes: int, *, seed: int, strength: float
) -> Floats:
    """Five-fold out-of-sample probabilities of scikit-learn's logistic regression, (N, C)."""
    table = standardised(vectors)
    counts = np.bincount(labels, minlength=n_classes)
    folds = min(FOLDS, len(labels))
    stratified = counts[counts > 0].min() >= folds
    splitter = (StratifiedKFold if stratified else KFold)(folds, shuffle=True, random_state=seed)
    probabilities = np.zeros((len(labels), n_classes))
    for fitted, held_out in splitter.split(table, labels):
        present = np.unique(labels[fitted])
        if len(present) == 1:
            probabilities[np.ix_(held_out, present)] = 1.0
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(C=strength, max_iter=300).fit(table[fitted], labels[fitted])
        probabilities[np.ix_(held_out, present)] = model.predict_proba(table[held_out])
    return probabilities


class Cleanlab:
    """cleanlab's usual recipe; the probabilities are computed once for all its scores."""

    def __init__(self) -> None:
        self._last: tuple[Pack, int, Floats, Cost] | None = None

    def score(self, pack: Pack, seed: int, method: str) -> Scores:
        probabilities, fit = self._probabilities(pack, seed)
        if pack.n_classes < 2:
            return Scores(np.zeros(len(pack.labels)), probability=False)
        with measured() as cost:
            quality = get_label_quality_scores(pack.labels, probabilities, method=method)
        return Scores(1.0 - quality, method == "self_confidence", fit + cost)

    def issues(self, pack: Pack, seed: int) -> Scores:
        """`find_label_issues`: what it flags, worst self-confidence first, then all others."""
        probabilities, fit = self._probabilities(pack, seed)
        if pack.n_classes < 2:
            return Scores(np.zeros(len(pack.labels)), probability=False)
        with measured() as cost:
            flagged = find_label_issues(pack.labels, probabilities, n_jobs=1)
            quality = get_label_quality_scores(pack.labels, probabilities)
        return Scores(flagged + 1.0 - quality, probability=False, cost=fit + cost)

    def _probabilities(self, pack: Pack, seed: int) -> tuple[Floats, Cost]:
        if pack.pred_probs is not None:
            return np.nan_to_num(pack.pred_probs, nan=1.0 / pack.n_classes), Cost()
        assert pack.vectors is not None
        if self._last is None or self._last[0] is not pack or self._last[1] != seed:
            with measured() as cost:
                found = logistic_probabilities(
                    pack.vectors, pack.labels, pack.n_classes, seed=seed, strength=1.0
                )
            self._last = (pack, seed, found, cost)
        return self._last[2:]


def neighbours(pack: Pack, seed: int) -> Scores | None:
    """1 - smoothed share of the given label among the 20 nearest neighbours."""
    if pack.vectors is None:
        return None
    with measured() as cost:
        features = torch.from_numpy(standardised(pack.vectors))
        shares = families.neighbours(
            features, pack.labels, pack.n_classes, seed=seed, report=lambda _share: None
        ).probabilities
    return Scores(1.0 - shares[np.arange(len(pack.labels)), pack.labels], True, cost)


@dataclass(frozen=True)
class Record:
    """How one network met each sample: AUM (N,), low = bad, and its loss curve (N, E)."""

    aum: Floats
    losses: Floats
    cost: Cost = field(default_factory=Cost)


class OneNetwork:
    """One perceptron with cross-entropy trained on every sample, once for all scores."""

    def __init__(self) -> None:
        self._last: tuple[Pack, int, Record] | None = None

    def aum(self, pack: Pack, seed: int) -> Scores | None:
        """-AUM (Pleiss et al., NeurIPS 2020)."""
        if pack.vectors is None:
            return None
        record = self._record(pack, seed)
        return Scores(-record.aum, probability=False, cost=record.cost)

    def loss_clusters(self, pack: Pack, seed: int) -> Scores | None:
        """How near a sample's loss curve lies to the worst cluster of its given class.

        After CTRL (Yue & Jha, 2022): k-means on the loss curves of each given class, over the whole
        training and each half of it, k by silhouette. CTRL flags the cluster of the highest loss;
        to rank, the place between its centre and that of the lowest is taken, mean over windows.
        """
        if pack.vectors is None:
            return None
        record = self._record(pack, seed)
        losses = record.losses
        half = losses.shape[1] // 2
        windows = (losses, losses[:, :half], losses[:, half:])
        scores = np.zeros(len(losses))
        with measured() as cost:
            for given in np.unique(pack.labels):
                members = np.flatnonzero(pack.labels == given)
                for window in windows:
                    scores[members] += _place_between(window[members], seed) / len(windows)
        return Scores(scores, probability=False, cost=record.cost + cost)

    def _record(self, pack: Pack, seed: int) -> Record:
        if self._last is None or self._last[0] is not pack or self._last[1] != seed:
            with measured() as cost:
                record = _train_one_network(pack, seed)
            self._last = (pack, seed, replace(record, cost=cost))
        return self._last[2]


def _place_between(curves: Floats, seed: int) -> Floats:
    """(n,) in [0, 1]: 1 at the centre of the cluster with the highest loss, 0 at the lowest."""
    best, centres = -1.0, None
    for clusters in CLUSTERS:
        if len(np.unique(curves, axis=0)) <= clusters:
            continue
        fitted = KMeans(clusters, n_init=3, random_state=seed).fit(curves)
        quality = (
            silhouette_score(
                curves, fitted.labels_, sample_size=min(len(curves), 1000), random_state=seed
            )
            if len(np.unique(fitted.labels_)) > 1
            else -1.0
        )
        if quality > best:
            best, centres = quality, fitted.cluster_centers_
    if centres is None:
        plain: Floats = curves.mean(axis=1) / (1.0 + curves.mean(axis=1))
        return plain
    level = centres.mean(axis=1)
    low, high = (
        np.linalg.norm(curves - centres[place], axis=1)
        for place in (level.argmin(), level.argmax())
    )
    result: Floats = low / np.maximum(low + high, 1e-12)
    return result


def _train_one_network(pack: Pack, seed: int) -> Record:
    assert pack.vectors is not None
    config = TrainingConfig(objective="cross_entropy", families=("network",), seed=seed)
    spec = plan_shards(config, shape=pack.vectors.shape, n_classes=pack.n_classes)[0]
    inputs = torch.from_numpy(standardised(pack.vectors))
    targets = torch.from_numpy(pack.labels)
    generator = torch.Generator().manual_seed(seed)
    network = NETWORKS["mlp"](
        tuple(inputs.shape[1:]), pack.n_classes, 1, generator, hidden=spec.hidden
    )
    objective = objectives.create(
        spec.objective,
        spec.options,
        n_classes=pack.n_classes,
        n_samples=len(targets),
        replicas=1,
        epochs=spec.epochs,
        targets=targets,
        generator=generator,
    )
    in_bag = torch.ones((len(targets), 1), dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trajectory"
        with Recorder(
            path,
            in_bag=in_bag,
            n_classes=pack.n_classes,
            epochs=spec.epochs,
            device=torch.device("cpu"),
            header={},
        ) as recorder:
            train(
                network,
                inputs,
                targets,
                objective=objective,
                in_bag=in_bag,
                recorder=recorder,
                hyperparameters=replace(spec.hyperparameters(epochs=spec.epochs), seed=seed),
                device=torch.device("cpu"),
            )
        trajectory = Trajectory.load(path)
        blocks = trajectory_blocks([trajectory], pack.labels, pack.n_classes)
        margins = np.concatenate([aum(block) for _, block in blocks])
        chances = np.asarray(trajectory.p_given[:, :, 0], dtype=np.float64).T  # (N, E)
    return Record(margins, -np.log(np.maximum(chances, 1e-4)))


def peers() -> dict[str, Callable[[Pack, int], Scores | None]]:
    """Name -> function of every peer; one dictionary a run, so that scores share a fit."""
    recipe, network = Cleanlab(), OneNetwork()
    return {
        "cleanlab self_confidence": lambda pack, seed: recipe.score(pack, seed, "self_confidence"),
        "cleanlab normalized_margin": lambda pack, seed: recipe.score(
            pack, seed, "normalized_margin"
        ),
        "cleanlab find_label_issues": recipe.issues,
        "aum one network": network.aum,
        "loss clusters (as CTRL)": network.loss_clusters,
        "nearest neighbours": neighbours,
    }
