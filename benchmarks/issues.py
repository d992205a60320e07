"""How well issues beside wrong labels are found: planted duplicates, a hidden class, ambiguity.

    python -m benchmarks.issues vectors FILE.npz [--samples 10000]    # embedding, given_label
    python -m benchmarks.issues strangers FILE.npz [--samples 5000]   # each class hidden in turn
    python -m benchmarks.issues strangers PACK    # a table: its columns of numbers
    python -m benchmarks.issues ambiguity PACK    # features.npz with pyx; human_counts

Vectors: one class is hidden but for a few of its samples, which then belong to no class; and 1 % of
the others are copied with noise of 1 % of each feature's spread. cleanlab's Datalab needs the
package `datasets`, which is no dependency here; its outlier score is measured by itself.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from cleanlab.outlier import OutOfDistribution
from numpy.typing import NDArray
from scipy.stats import entropy, spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import from_numpy

from service.issues import ambiguous_scores, find_issues, measure, project
from worker.training.families import standardise
from worker.training.neighbours import nearest_neighbours

HIDDEN, COPIED, NOISE = 0.02, 0.01, 0.01
KEYS = ("embedding", "X")


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.issues", description=__doc__.split("\n")[0])
    parser.add_argument("kind", choices=("vectors", "strangers", "ambiguity"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    if options.kind == "ambiguity":
        _ambiguity(options.path)
        return
    if options.kind == "strangers":
        _strangers(options.path, options.samples)
        return
    for seed in options.seeds:
        _vectors(options.path, options.samples, seed)


def _vectors(path: Path, samples: int | None, seed: int) -> None:
    vectors, labels = _read(path)
    generator = np.random.default_rng(seed)
    kept = generator.permutation(len(labels))[:samples]
    vectors, labels = vectors[kept], labels[kept]
    hidden = int(generator.integers(labels.max() + 1))
    strangers = np.flatnonzero(labels == hidden)
    strangers = strangers[: max(1, round(HIDDEN * len(labels)))]
    rows = np.r_[np.flatnonzero(labels != hidden), strangers]
    vectors, strange = vectors[rows], np.isin(rows, strangers)
    copied = generator.choice(np.flatnonzero(~strange), round(COPIED * len(rows)), replace=False)
    noise = NOISE * vectors.std(axis=0) * generator.normal(size=(len(copied), vectors.shape[1]))
    table = np.concatenate([vectors, vectors[copied] + noise.astype(np.float32)])
    strange = np.r_[strange, np.zeros(len(copied), np.bool_)]
    twin = np.zeros(len(table), np.bool_)
    twin[copied] = twin[len(vectors) :] = True
    started = time.perf_counter()
    families = {"none": np.tile(np.array([0.9, 0.1], np.float32), (len(table), 1))}
    graph = nearest_neighbours(from_numpy(project(table)))
    found = find_issues(families, np.zeros(len(table), np.int64), table, graph)
    seconds = time.perf_counter() - started
    assert found.outlier_score is not None
    assert found.duplicate_set is not None
    started = time.perf_counter()
    theirs = OutOfDistribution().fit_score(features=table, verbose=False)
    their_seconds = time.perf_counter() - started
    flagged = found.duplicate_set >= 0
    print(
        f"{path.parent.name} seed {seed}: {table.shape}  duplicates: recall"
        f" {flagged[twin].mean():.3f}, flagged beside {int(flagged[~twin].sum())};"
        f" hidden class: AUROC {roc_auc_score(strange, -found.outlier_score):.3f},"
        f" cleanlab {roc_auc_score(strange, -theirs):.3f};"
        f" flagged as outliers {int((found.outlier_score < 0.37).sum())};"
        f" {seconds:.1f} s, cleanlab's outliers {their_seconds:.1f} s",
        flush=True,
    )


def _strangers(path: Path, samples: int | None) -> None:
    """A few samples of each class in turn, among all others: the mean AUROC of outliers."""
    vectors, labels = _read(path)
    kept = np.random.default_rng(0).permutation(len(labels))[:samples]
    vectors, labels = vectors[kept], labels[kept]
    ours, theirs = [], []
    for hidden in np.unique(labels):
        few = np.flatnonzero(labels == hidden)[: max(5, round(HIDDEN * len(labels)))]
        rows = np.r_[np.flatnonzero(labels != hidden), few]
        table, strange = vectors[rows], np.isin(rows, few)
        graph = nearest_neighbours(standardise(from_numpy(table)))
        ours.append(roc_auc_score(strange, -measure(table, graph).outlier_score))
        told = OutOfDistribution().fit_score(features=table, verbose=False)
        theirs.append(roc_auc_score(strange, -told))
    print(
        f"{path.parent.name}/{path.name} {vectors.shape}, {len(ours)} classes: AUROC of outliers"
        f" {np.mean(ours):.3f}, cleanlab {np.mean(theirs):.3f}",
        flush=True,
    )


def _read(path: Path) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Vectors and class indices of a file; of a table's folder, its columns of numbers, each
    centred and scaled."""
    if path.is_dir():
        return _read_table(path)
    with np.load(path) as arrays:
        vectors = next(arrays[key] for key in KEYS if key in arrays).astype(np.float32)
        name = "true_label" if "true_label" in arrays else "given_label"
        labels = arrays[name] if name in arrays else _labels_beside(path)
    return vectors, np.unique(labels.astype(str), return_inverse=True)[1]


def _read_table(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    table = pq.read_table(folder / "samples.parquet")
    numbers = [
        field.name
        for field in table.schema
        if str(field.type) in ("float", "double", "int32", "int64") and "label" not in field.name
    ]
    columns = np.stack([table[name].to_numpy() for name in numbers], axis=1).astype(np.float32)
    columns = (columns - columns.mean(axis=0)) / np.maximum(columns.std(axis=0), 1e-9)
    return columns, np.unique(_labels_beside(folder / "samples"), return_inverse=True)[1]


def _labels_beside(path: Path) -> NDArray[np.str_]:
    column = pq.read_table(path.parent / "samples.parquet")["true_label"]
    return np.array([str(value) for value in column.to_pylist()])


def _ambiguity(folder: Path) -> None:
    table = pq.read_table(folder / "samples.parquet")
    counts = np.array(table["human_counts"].to_pylist(), dtype=np.float64)
    with np.load(folder / "features.npz") as arrays:
        probabilities = arrays["pyx"]
    doubt = entropy(counts, axis=1)
    divided = counts.max(axis=1) / counts.sum(axis=1) < 0.7
    for name, score in (
        ("ambiguous_score", ambiguous_scores({"pyx": probabilities})),
        ("largest probability", probabilities.max(axis=1)),
        ("entropy of the model", -entropy(probabilities, axis=1)),
    ):
        print(
            f"{name:<22} divided votes ({int(divided.sum())}): AUROC"
            f" {roc_auc_score(divided, -score):.3f}, AP"
            f" {average_precision_score(divided, -score):.3f}; rank correlation with the votes'"
            f" entropy {spearmanr(-score, doubt).statistic:.3f}"
        )


if __name__ == "__main__":
    main()
