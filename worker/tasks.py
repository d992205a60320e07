"""The steps themselves: load, compute, say what to save. Torch is imported only where it is used.

Each handler may be killed anywhere and run again: files appear by rename under names that depend on
what they hold, and rows are written by the function that it returns, in the finishing transaction.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from service import audits, datasets, exports, model_files, rankings, review, suspects
from service.errors import BadInput
from service.export import Correction, export
from service.ingest import ColumnRoles, ingest
from service.models import Audit, Dataset, Export, Kind, Sample, StepKind, Tier, new_id
from service.ranking import TIER_NAMES, Evidence, Ranking, Verdicts, rank_suspects, reasons
from service.steps import Claim
from service.training import TrainingConfig
from worker.final.tasks import run_model, run_predict
from worker.runner import Hold, Save, Worker

Handler = Callable[[Worker, Claim, Hold], Save]


def run_ingest(worker: Worker, claim: Claim, hold: Hold) -> Save:
    """Upload -> samples.parquet and the sample rows."""
    dataset_id = claim.subject_id
    with worker.database.read() as session:
        dataset = datasets.get_dataset(session, dataset_id)
    requested = dict(dataset.requested_columns or {})
    if "features" in requested:
        requested["features"] = tuple(requested["features"])
    report = ingest(
        worker.storage.path(datasets.upload_key(dataset_id)),
        filename=dataset.filename,
        roles=ColumnRoles(**requested),
        destination=worker.storage.path(datasets.folder(dataset_id)),
        on_progress=hold,
    )
    samples = worker.storage.path(datasets.samples_key(dataset_id))
    return lambda session: datasets.publish(
        session, dataset_id, report, _sample_rows(samples, report.class_names)
    )


def _sample_rows(samples: Path, class_names: list[str]) -> Iterator[tuple[int, str, int | None]]:
    index = {name: number for number, name in enumerate(class_names)}
    position = 0
    with pq.ParquetFile(samples, pre_buffer=False) as file:
        for batch in file.iter_batches(columns=["sample_id", "given_label"]):
            ids, labels = (column.to_pylist() for column in batch.columns)
            for sample_id, label in zip(ids, labels, strict=True):
                yield position, sample_id, None if label is None else index[label]
                position += 1


def run_encode(worker: Worker, claim: Claim, hold: Hold) -> Save:
    """Samples -> the arrays that training reads: labels, positions, and vectors or pixels."""
    from worker.encoders import cache_key, encode
    from worker.engine import plan_shards

    audit, dataset = _load(worker, claim.subject_id)
    labels, positions = analysed_labels(worker, audit)
    _check_trainable(labels)
    key = cache_key(
        str(dataset.kind),
        upload_sha256=dataset.sha256,
        encoder=audit.config["encoder"],
        positions=positions,
    )
    inputs = encode(
        str(dataset.kind),
        worker.storage.path(datasets.samples_key(dataset.id)),
        worker.storage.path(datasets.upload_key(dataset.id)),
        encoder=audit.config["encoder"],
        destination=worker.storage.path(key),
        positions=positions,
        device=worker.device,
        on_progress=lambda done, total: hold(done / max(1, total)),
    )
    specs = plan_shards(
        training_config(audit), shape=inputs.shape, n_classes=len(dataset.class_names)
    )
    save_array(worker, f"{audits.folder(audit.id)}/labels.npy", labels)
    save_array(worker, f"{audits.folder(audit.id)}/positions.npy", positions)
    plan = {"encoding": key, "shards": [json.loads(spec.to_json()) for spec in specs]}
    return lambda session: audits.encoded(session, audit.id, plan=plan, shards=len(specs))


def analysed_labels(worker: Worker, audit: Audit) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Labels (N,) and positions (N,) of the samples an audit looks at: those that have a label and
    are not excluded, with the corrections of the audit's dataset version applied."""
    with worker.database.read() as session:
        rows = session.execute(
            select(Sample.position, Sample.given_label)
            .where(Sample.dataset_id == audit.dataset_id, Sample.given_label.is_not(None))
            .order_by(Sample.position)
        ).all()
        corrections = review.corrections_at(session, audit.dataset_id, audit.dataset_version)
    positions = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    labels = np.fromiter((row[1] for row in rows), np.int32, len(rows))
    kept = np.ones(len(rows), bool)
    for position, correction in corrections.items():
        place = int(np.searchsorted(positions, position))
        if correction.corrected_label is None:
            kept[place] = False
        else:
            labels[place] = correction.corrected_label
    return labels[kept], positions[kept]


def _check_trainable(labels: NDArray[np.int32]) -> None:
    if len(np.unique(labels)) < 2:
        raise BadInput(
            "The dataset has fewer than two classes with labeled samples, so there is nothing to "
            "tell apart. Label more samples, or check the label column.",
            type="too-few-classes",
        )


def run_train(worker: Worker, claim: Claim, hold: Hold) -> Save:
    """One shard: train its replicas, or fit its family, and write what they say."""
    from worker.engine import ShardSpec, run_shard

    audit, dataset = _load(worker, claim.subject_id)
    assert audit.plan is not None
    spec = ShardSpec(**audit.plan["shards"][claim.shard])
    run_shard(
        spec,
        np.load(worker.storage.path(audit.plan["encoding"]), mmap_mode="r"),
        np.load(worker.storage.path(f"{audits.folder(audit.id)}/labels.npy")),
        len(dataset.class_names),
        worker.storage.path(audits.shard_key(audit.id, claim.shard)),
        device=worker.device,
        on_progress=hold,
    )
    return lambda session: audits.shard_trained(session, audit.id)


def run_rank(worker: Worker, claim: Claim, hold: Hold) -> Save:
    """Trajectories and probabilities -> a ranking, its file, and the suspects' rows.

    Shard 0 is the ranking that completes the audit; those after it follow the verdicts so far.
    """
    audit, dataset = _load(worker, claim.subject_id)
    evidence, positions = _evidence(worker, audit, dataset)
    hold(0.1)
    verdicts = _verdicts(worker, audit, evidence.labels, positions) if claim.shard else None
    ranking = rank_suspects(evidence, seed=audit.config["seed"], verdicts=verdicts)
    hold(0.6)
    ranking_id = new_id("ra")
    with worker.storage.writing(suspects.ranking_key(audit.id, ranking_id)) as path:
        suspects.write_ranking(ranking, path)
    # a later ranking takes the review states over from the one before it
    decided = set() if claim.shard else _decided(worker, audit)
    rows = _suspect_rows(worker, audit, dataset, ranking, positions, decided)
    summary = ranking.summary.to_dict(dataset.class_names)
    summary["learned_noise_matrix"] = _learned_matrix(worker, audit)
    hold(0.8)
    if claim.shard:
        return lambda session: rankings.reranked(
            session,
            audit.id,
            number=claim.shard,
            ranking_id=ranking_id,
            suspects=rows,
            summary=summary,
        )

    def save(session: Session) -> None:
        audits.ranked(session, audit.id, ranking_id=ranking_id, suspects=rows, summary=summary)
        if dataset.kind is not Kind.probabilities:
            model_files.want_model(session, audit.id)

    return save


def _learned_matrix(worker: Worker, audit: Audit) -> list[list[float]] | None:
    """What the objective itself learned or was told of the noise, beside the ranking's estimate."""
    if audit.plan is None:
        return None
    from worker.engine import learned_noise_matrix

    matrix = learned_noise_matrix(_shard_folders(worker, audit))
    return None if matrix is None else [[round(float(v), 6) for v in row] for row in matrix]


def _verdicts(
    worker: Worker,
    audit: Audit,
    labels: NDArray[np.integer[Any]],
    positions: NDArray[np.int64],
) -> Verdicts:
    """What people decided of this audit's samples, by their row in its arrays."""
    with worker.database.read() as session:
        decided = rankings.verdicts_of(session, audit)
    rows = np.searchsorted(positions, sorted(decided)).astype(np.intp)
    corrections = [decided[position] for position in sorted(decided)]
    corrected = np.array([row.corrected_label for row in corrections], np.int64)
    return Verdicts(
        rows=rows,
        wrong=corrected != labels[rows],
        drawn=np.array([row.control for row in corrections], np.bool_),
    )


def _evidence(worker: Worker, audit: Audit, dataset: Dataset) -> tuple[Evidence, NDArray[np.int64]]:
    if dataset.kind is Kind.probabilities:
        labels, positions = analysed_labels(worker, audit)
        _check_trainable(labels)
        given = _pred_probs(worker.storage.path(datasets.samples_key(dataset.id)))[positions]
        return Evidence(labels, len(dataset.class_names), probabilities={"pred_probs": given}), (
            positions
        )
    from worker.engine import load_evidence

    assert audit.plan is not None
    folder = audits.folder(audit.id)
    labels = np.load(worker.storage.path(f"{folder}/labels.npy"))
    positions = np.load(worker.storage.path(f"{folder}/positions.npy"))
    shards = _shard_folders(worker, audit)
    return load_evidence(shards, labels, len(dataset.class_names)), positions


def _shard_folders(worker: Worker, audit: Audit) -> list[Path]:
    assert audit.plan is not None
    return [
        worker.storage.path(audits.shard_key(audit.id, shard))
        for shard in range(len(audit.plan["shards"]))
    ]


def _pred_probs(samples: Path) -> NDArray[np.float32]:
    with pq.ParquetFile(samples, pre_buffer=False) as file:
        parts = [
            np.asarray(batch.column(0).flatten(), np.float32).reshape(len(batch), -1)
            for batch in file.iter_batches(columns=["pred_probs"])
        ]
    return np.concatenate(parts)


def _suspect_rows(
    worker: Worker,
    audit: Audit,
    dataset: Dataset,
    ranking: Ranking,
    positions: NDArray[np.int64],
    decided: set[int],
) -> Iterator[tuple[Any, ...]]:
    """Rows of the suspect table, worst first; those of the `decided` positions are decided."""
    with worker.database.read() as session:
        names = dict(
            session.execute(
                select(Sample.position, Sample.sample_id).where(
                    Sample.dataset_id == audit.dataset_id
                )
            ).all()
        )
    words = reasons(ranking, dataset.class_names)
    tiers = [Tier(name) for name in TIER_NAMES]

    def rows() -> Iterator[tuple[Any, ...]]:
        for rank, row in enumerate(ranking.order.tolist(), start=1):
            position = int(positions[row])
            suggested = int(ranking.suggested_label[row])
            yield (
                rank,
                position,
                names[position],
                int(ranking.given[row]),
                int(ranking.predicted_label[row]),
                suggested if suggested >= 0 else None,
                float(ranking.suggested_label_confidence[row]) if suggested >= 0 else None,
                float(ranking.p_wrong[row]),
                float(ranking.p_wrong_low[row]),
                float(ranking.p_wrong_high[row]),
                tiers[ranking.tier[row]].value,
                words[row],
                "decided" if position in decided else "open",
            )

    return rows()


def _decided(worker: Worker, audit: Audit) -> set[int]:
    """Positions that a person has decided before the audit began: they stay decided."""
    with worker.database.read() as session:
        return set(review.corrections_at(session, audit.dataset_id, audit.dataset_version))


def run_export(worker: Worker, claim: Claim, hold: Hold) -> Save:
    """The dataset with its corrections applied -> one file."""
    with worker.database.read() as session:
        wanted = exports.get_export(session, claim.subject_id)
        dataset = session.get_one(Dataset, wanted.dataset_id)
        standing = review.corrections_at(session, dataset.id, wanted.dataset_version)
    with worker.storage.writing(exports.file_key(wanted.id)) as path:
        extension = export(
            str(dataset.kind),
            str(dataset.format),
            worker.storage.path(datasets.upload_key(dataset.id)),
            worker.storage.path(datasets.samples_key(dataset.id)),
            {
                position: _as_exported(correction, dataset.class_names)
                for position, correction in standing.items()
            },
            path,
            format=wanted.format,
            on_progress=hold,
        )
        size, digest = _measure(path)
    filename = _export_name(dataset, wanted, extension)
    return lambda session: exports.exported(
        session, wanted.id, filename=filename, bytes=size, sha256=digest
    )


def _as_exported(correction: Any, class_names: list[str]) -> Correction:
    label = correction.corrected_label
    return Correction(
        corrected_label=None if label is None else class_names[label],
        verdict=str(correction.verdict),
        annotator=correction.annotator,
        corrected_at=correction.created_at,
        excluded=label is None,
    )


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return path.stat().st_size, digest.hexdigest()


def _export_name(dataset: Dataset, wanted: Export, extension: str) -> str:
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(dataset.filename).stem)
    return f"{plain[:100] or 'dataset'}-v{wanted.dataset_version}-{wanted.format}{extension}"


def _load(worker: Worker, audit_id: str) -> tuple[Audit, Dataset]:
    with worker.database.read() as session:
        audit = audits.get_audit(session, audit_id)
        return audit, audits.dataset_of(session, audit)


def training_config(audit: Audit) -> TrainingConfig:
    known = TrainingConfig.model_fields
    return TrainingConfig(**{key: value for key, value in audit.config.items() if key in known})


def save_array(worker: Worker, key: str, array: NDArray[Any]) -> None:
    with worker.storage.writing(key) as path, path.open("wb") as file:
        np.save(file, array)


HANDLERS: dict[StepKind, Handler] = {
    StepKind.ingest: run_ingest,
    StepKind.encoding: run_encode,
    StepKind.train: run_train,
    StepKind.rank: run_rank,
    StepKind.model: run_model,
    StepKind.predict: run_predict,
    StepKind.export: run_export,
}
