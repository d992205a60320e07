"""The two jobs of a classifier: train it after the ranking, and run it on new samples."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from labelaudit.schemas.model_description import ModelDescription
from service import review
from service.audits import classifier, predictions
from service.audits import records as audits
from service.datasets import records as datasets
from service.db.tables import Audit, Suspect
from service.inference import head
from service.jobs.records import Claim
from service.ranking import TierCode
from worker.classifier.labels import Judgement, clean
from worker.handlers.audit_inputs import load_audit, training_config
from worker.runtime.context import Commit, Worker
from worker.runtime.lease import JobLease

Value = TypeVar("Value")


def run_classifier(worker: Worker, claim: Claim, lease: JobLease) -> Commit:
    """Ranking and encoding -> the files of the classifier."""
    import torch

    from worker.classifier.calibration import TARGET_ACCURACY, calibrate
    from worker.classifier.encoding import describe_encoder
    from worker.classifier.fit import fit, plan_classifier
    from worker.classifier.graph import write_onnx
    from worker.encoders.hub import located
    from worker.encoders.samples import Samples
    from worker.training.checkpoint import Checkpoints

    audit, dataset = load_audit(worker, claim.subject_id)
    assert audit.plan is not None
    folder = audits.folder(audit.id)
    labels = np.load(worker.storage.path(f"{folder}/labels.npy"))
    positions = np.load(worker.storage.path(f"{folder}/positions.npy"))
    inputs = np.load(worker.storage.path(audit.plan["encoding"]), mmap_mode="c")
    cleaned = clean(labels, _judgement(worker, audit, positions), dataset.class_names)
    spec = plan_classifier(
        training_config(audit),
        inputs.shape,
        len(dataset.class_names),
        located(audit.config["encoder"], worker.settings.models_dir),
    )
    checkpoints = Checkpoints(
        worker.storage.path(classifier.folder(audit.id)),
        fence=claim.fence,
        every_seconds=worker.settings.checkpoint_seconds,
    )
    fitted = fit(
        spec,
        inputs,
        cleaned,
        len(dataset.class_names),
        device=torch.device(worker.device),
        report=lambda share: lease.report(0.9 * share),
        checkpoints=checkpoints,
    )
    judged = np.where(fitted.left_out, cleaned.judged, 0.0)
    calibration = calibrate(fitted.held_out, cleaned.targets, judged, seed=spec.seed)
    samples = Samples.open(
        worker.storage.path(datasets.samples_key(dataset.id)),
        datasets.media_path(worker.storage, dataset.id),
        positions,
    )
    encoder, table = describe_encoder(str(dataset.kind), audit.config["encoder"], samples)
    lease.report(0.95)
    model = ModelDescription(
        audit_id=audit.id,
        dataset_id=dataset.id,
        dataset_version=audit.dataset_version,
        kind=str(dataset.kind),
        class_names=dataset.class_names,
        encoder=encoder,
        table=table,
        network=fitted.network,
        input_shape=list(inputs.shape[1:]),
        replicas=spec.replicas,
        temperature=calibration.temperature,
        threshold=calibration.threshold,
        target_accuracy=TARGET_ACCURACY,
        held_out=calibration.held_out,
        answered=calibration.answered,
        trained_on=cleaned.counts,
    )
    with worker.storage.writing(classifier.folder(audit.id)) as path:
        path.mkdir()
        head.write_weights(fitted.weights, path)
        if head.ONNX in head.file_names(model.network):
            write_onnx(model, fitted.weights, path / head.ONNX)
        (path / head.DESCRIPTION).write_text(model.model_dump_json(indent=1))
    checkpoints.delete()
    return lambda _session: None  # the job's status says that the files exist


def _judgement(worker: Worker, audit: Audit, positions: NDArray[np.int64]) -> Judgement:
    """The newest ranking and the decisions of the audit's dataset version, in sample order."""
    columns = (
        Suspect.position,
        Suspect.tier,
        Suspect.suggested_label,
        Suspect.suggested_label_confidence,
        Suspect.p_wrong,
    )
    with worker.database.read() as session:
        ranking = review.newest_ranking(session, audit.id)
        rows = session.execute(
            select(*columns).where(Suspect.ranking_id == ranking.id).order_by(Suspect.position)
        ).all()
        decided = review.corrections_at(session, audit.dataset_id, audit.dataset_version)
    return Judgement(
        tier=np.array([TierCode[row.tier] for row in rows], np.int8),
        suggested=np.array([_or(row.suggested_label, -1) for row in rows], np.int64),
        suggested_confidence=np.array([_or(row.suggested_label_confidence, 0.0) for row in rows]),
        p_wrong=np.array([row.p_wrong for row in rows]),
        decided=np.isin(positions, list(decided)),
    )


def _or(value: Value | None, otherwise: Value) -> Value:
    return otherwise if value is None else value


def run_predict(worker: Worker, claim: Claim, lease: JobLease) -> Commit:
    """New texts or images -> the classifier's predictions."""
    from worker.classifier.encoding import encode_like

    audit_id, storage = claim.subject_id, worker.storage
    model = classifier.read_description(storage, audit_id)
    asked = predictions.folder(audit_id, claim.number)
    inputs = encode_like(
        model,
        storage.path(f"{asked}/{predictions.SAMPLES}"),
        storage.path(f"{asked}/{predictions.UPLOAD}"),
        device=worker.device,
        models_dir=worker.settings.models_dir,
    )
    lease.report(0.8)
    weights = head.read_weights(storage.path(classifier.folder(audit_id)))
    found = head.answers(model, _logits(worker, model, weights, inputs))
    predictions.write_answers(storage, audit_id, claim.number, found)
    return lambda _session: None


def _logits(
    worker: Worker, model: ModelDescription, weights: head.Arrays, inputs: NDArray[Any]
) -> NDArray[np.float64]:
    match model.network:
        case "cnn":
            from worker.classifier.fit import cnn_logits

            return cnn_logits(weights, inputs)
        case "fine_tuned":
            import torch

            from worker.classifier.fine_tuned import fine_tuned_logits
            from worker.encoders.hub import located

            encoder = located(model.encoder.name, worker.settings.models_dir) or ""
            classes, device = len(model.class_names), torch.device(worker.device)
            return fine_tuned_logits(weights, encoder, classes, inputs, device)
    return head.head_logits(weights, inputs)
