"""The shards' evidence -> the ranking, its file, and the suspects' rows."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from labelaudit.enums import DatasetKind, JobType
from service import review
from service.audits import class_profiles, issue_files, ranking_files
from service.audits import records as audits
from service.audits.shard_files import shard_folders
from service.audits.suspect_row import SuspectRow
from service.datasets import encodings
from service.datasets import records as datasets
from service.datasets import votes as annotators
from service.db.tables import (
    Audit,
    Dataset,
    Sample,
    new_id,
)
from service.issues import Issues, find_issues, project
from service.jobs import records as jobs
from service.jobs.records import Claim
from service.ranking import (
    Evidence,
    Ranking,
    TierCode,
    Verdicts,
    rank_suspects,
    reason,
)
from service.ranking.posterior import model_families
from service.review import reranking
from service.storage.memmap import nameless_array
from worker.handlers.audit_inputs import (
    analysed_labels,
    check_trainable,
    load_audit,
)
from worker.handlers.learned_matrix import learned_matrix
from worker.handlers.whole_dataset import Audited, check_dataset, measured_quality
from worker.runtime.context import Commit, Worker
from worker.runtime.lease import JobLease

NO_VECTORS = "no encodings: near duplicates and outliers were not searched for"
NOT_MEASURED = (
    "the pictures' exposure, blur and size: an older version read this upload; upload it again"
)


def run_rank(worker: Worker, claim: Claim, lease: JobLease) -> Commit:
    """Trajectories and probabilities -> a ranking, its file, and the suspects' rows.

    Shard 0 is the ranking that completes the audit; those after it follow the verdicts so far.
    """
    audit, dataset = load_audit(worker, claim.subject_id)
    evidence, positions = _evidence(worker, audit, dataset)
    lease.report(0.1)
    verdicts = _verdicts(worker, audit, evidence.labels, positions) if claim.number else None
    # Many small products: BLAS threads that spin while they wait cost three times the work itself.
    with threadpool_limits(1, user_api="blas"):
        ranking = rank_suspects(evidence, seed=audit.config["seed"], verdicts=verdicts)
    lease.report(0.6)
    ranking_id = new_id("ra")
    with worker.storage.writing(ranking_files.ranking_key(audit.id, ranking_id)) as path:
        ranking_files.write_ranking(ranking, path)
    if dataset.kind is DatasetKind.table:
        _write_class_profiles(worker, audit, dataset)
    issues, checks = _issues(worker, audit, dataset, evidence, positions, lease)
    rows = _suspect_rows(worker, audit, dataset, ranking, positions, issues)
    summary = ranking.summary.to_dict(dataset.class_names)
    summary["issues"] = issues.counts()
    summary["checks"] = checks
    if issues.outlier_score is None:
        summary["missing"].append(NO_VECTORS)
    if issues.quality is None and dataset.kind is DatasetKind.image:
        summary["missing"].append(NOT_MEASURED)
    summary |= learned_matrix(worker.storage, audit)
    lease.report(0.8)
    if claim.number:
        return lambda session: reranking.publish_ranking(
            session,
            audit.id,
            number=claim.number,
            ranking_id=ranking_id,
            suspects=rows,
            summary=summary,
        )

    def commit(session: Session) -> None:
        audits.ranked(session, audit.id, ranking_id=ranking_id, suspects=rows, summary=summary)
        review.sync_ranking(session, audit.dataset_id, ranking_id)
        needs_training = dataset.kind is not DatasetKind.probabilities
        jobs.enqueue_next(session, audit.id, JobType.rank, needs_training=needs_training)

    return commit


def _issues(
    worker: Worker,
    audit: Audit,
    dataset: Dataset,
    evidence: Evidence,
    positions: NDArray[np.int64],
    lease: JobLease,
) -> tuple[Issues, list[dict[str, Any]]]:
    """Issues of the samples and of the dataset, which later rankings take from the first one's
    file: they depend on the labels, predictions and vectors of the audit alone."""
    key = issue_files.issues_key(audit.id)
    if known := issue_files.read_issues(worker.storage.path(key)):
        return known
    samples = worker.storage.path(datasets.samples_key(dataset.id))
    vectors, graph = _vectors(worker, audit, dataset, positions, lease)
    families = model_families(evidence)
    quality = measured_quality(samples, positions) if dataset.kind is DatasetKind.image else None
    issues = find_issues(families, evidence.labels, vectors, graph, quality)
    audited = Audited(
        samples, positions, evidence.labels, dataset.class_names, families, vectors, graph
    )
    checks = check_dataset(audited, issues)
    with worker.storage.writing(key) as path:
        issue_files.write_issues(issues, checks, path)
    return issues, checks


def _write_class_profiles(worker: Worker, audit: Audit, dataset: Dataset) -> None:
    samples = worker.storage.path(datasets.samples_key(dataset.id))
    with worker.storage.writing(class_profiles.profiles_key(audit.id)) as path:
        class_profiles.write_class_profiles(samples, dataset.class_names, path)


def _verdicts(
    worker: Worker,
    audit: Audit,
    labels: NDArray[np.integer[Any]],
    positions: NDArray[np.int64],
) -> Verdicts:
    """What people decided of this audit's samples, by their row in its arrays."""
    with worker.database.read() as session:
        decided = reranking.verdicts_of(session, audit)
    rows = np.searchsorted(positions, sorted(decided)).astype(np.intp)
    corrections = [decided[position] for position in sorted(decided)]
    corrected = np.array([row.corrected_label for row in corrections], np.int64)
    return Verdicts(
        rows=rows,
        wrong=corrected != labels[rows],
        is_control=np.array([row.control for row in corrections], np.bool_),
    )


def _evidence(worker: Worker, audit: Audit, dataset: Dataset) -> tuple[Evidence, NDArray[np.int64]]:
    n_classes = len(dataset.class_names)
    if dataset.kind is DatasetKind.probabilities:
        labels, positions = analysed_labels(worker, audit)
        check_trainable(labels)
        samples = worker.storage.path(datasets.samples_key(dataset.id))
        given = _pred_probs(samples, positions, n_classes)
        evidence = Evidence(labels, n_classes, probabilities={"pred_probs": given})
    else:
        from worker.training.shard import load_evidence

        assert audit.plan is not None
        folder = audits.folder(audit.id)
        labels = np.load(worker.storage.path(f"{folder}/labels.npy"))
        positions = np.load(worker.storage.path(f"{folder}/positions.npy"))
        evidence = load_evidence(shard_folders(worker.storage, audit), labels, n_classes)
    votes = annotators.load_votes(
        worker.storage.path(annotators.votes_key(dataset.id)),
        n_samples=dataset.sample_count,
        n_classes=n_classes,
    )
    if votes is not None:
        evidence = replace(evidence, votes=votes.of_samples(positions.astype(np.intp)))
    return evidence, positions


def _vectors(
    worker: Worker, audit: Audit, dataset: Dataset, positions: NDArray[np.int64], lease: JobLease
) -> tuple[NDArray[Any] | None, NDArray[np.int32] | None]:
    """What the samples were encoded to, and the graph of their nearest neighbours; None where they
    came as probabilities. The encoding is made again where the cache has evicted it since."""
    if audit.plan is None:
        return None, None
    import torch

    from worker.training.neighbours import load_graph, nearest_neighbours

    path = worker.storage.path(audit.plan["encoding"])
    if path.exists():
        encodings.touch(worker.storage, audit.plan["encoding"])
    else:
        from worker.handlers.encodings import ensure_encoding

        _, inputs = ensure_encoding(
            worker, audit, dataset, positions, lambda share: lease.report(0.6 + 0.1 * share)
        )
        path = inputs.path
    vectors: NDArray[Any] = np.load(path, mmap_mode="r")
    graph = load_graph(shard_folders(worker.storage, audit))
    if graph is None:  # no shard had vectors to search, or the neighbours family was not wanted
        graph = nearest_neighbours(torch.from_numpy(project(vectors)))
    return vectors, graph


def _pred_probs(samples: Path, positions: NDArray[np.int64], n_classes: int) -> NDArray[np.float32]:
    """Rows of those positions, in a nameless file that goes with the array."""
    shape = (len(positions), n_classes)
    with tempfile.TemporaryFile(dir=samples.parent) as file:
        given = nameless_array(file, dtype=np.float32, shape=shape)
    first = 0
    with pq.ParquetFile(samples, pre_buffer=False) as table:
        for batch in table.iter_batches(columns=["pred_probs"]):
            rows = np.asarray(batch.column(0).flatten(), np.float32).reshape(len(batch), -1)
            begin, end = np.searchsorted(positions, [first, first + len(batch)])
            given[begin:end] = rows[positions[begin:end] - first]
            first += len(batch)
    return given


def _suspect_rows(
    worker: Worker,
    audit: Audit,
    dataset: Dataset,
    ranking: Ranking,
    positions: NDArray[np.int64],
    issues: Issues,
) -> Iterator[SuspectRow]:
    """Rows of the suspect table, worst first."""
    with worker.database.read() as session:
        names = dict(
            session.execute(
                select(Sample.position, Sample.sample_id).where(
                    Sample.dataset_id == audit.dataset_id
                )
            ).all()
        )

    def rows() -> Iterator[SuspectRow]:
        for rank, row in enumerate(ranking.order.tolist(), start=1):
            position = int(positions[row])
            suggested = int(ranking.suggested_label[row])
            yield SuspectRow(
                rank=rank,
                position=position,
                sample_id=names[position],
                given_label=int(ranking.given[row]),
                predicted_label=int(ranking.predicted_label[row]),
                suggested_label=suggested if suggested >= 0 else None,
                suggested_label_confidence=(
                    float(ranking.suggested_label_confidence[row]) if suggested >= 0 else None
                ),
                p_wrong=float(ranking.p_wrong[row]),
                p_wrong_low=float(ranking.p_wrong_low[row]),
                p_wrong_high=float(ranking.p_wrong_high[row]),
                tier=TierCode(ranking.tier[row]).name,
                reason=reason(ranking, row, dataset.class_names),
                **issues.row(row),
            )

    return rows()
