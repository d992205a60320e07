"""Samples -> the arrays that training reads -> the evidence of each shard."""

from dataclasses import asdict, replace

import numpy as np

from service.audits import records as audits
from service.datasets import records as datasets
from service.db.tables import Audit
from service.jobs.records import Claim
from worker.handlers.audit_inputs import (
    analysed_labels,
    check_trainable,
    load_audit,
    save_array,
    training_config,
)
from worker.runtime.context import Commit, Worker
from worker.runtime.lease import JobLease


def run_encode(worker: Worker, claim: Claim, lease: JobLease) -> Commit:
    """Samples -> the arrays that training reads: labels, positions, and vectors or pixels."""
    from worker.encoders import cache_key, encode
    from worker.training.plan import plan_shards

    audit, dataset = load_audit(worker, claim.subject_id)
    labels, positions = analysed_labels(worker, audit)
    check_trainable(labels)
    config = training_config(audit)
    encoder, fine_tuned = _located(worker, audit), config.network == "fine_tuned"
    key = cache_key(
        str(dataset.kind),
        upload_sha256=dataset.sha256,
        encoder=encoder,
        fine_tuned=fine_tuned,
        positions=positions,
    )
    inputs = encode(
        str(dataset.kind),
        worker.storage.path(datasets.samples_key(dataset.id)),
        worker.storage.path(datasets.upload_key(dataset.id)),
        encoder=encoder,
        fine_tuned=fine_tuned,
        destination=worker.storage.path(key),
        positions=positions,
        device=worker.device,
        on_progress=lambda done, total: lease.report(done / max(1, total)),
    )
    specs = plan_shards(
        config,
        shape=inputs.shape,
        n_classes=len(dataset.class_names),
        encoder=audit.config["encoder"],
    )
    save_array(worker, f"{audits.folder(audit.id)}/labels.npy", labels)
    save_array(worker, f"{audits.folder(audit.id)}/positions.npy", positions)
    plan = {"encoding": key, "shards": [asdict(spec) for spec in specs]}
    return lambda session: audits.encoded(session, audit.id, plan=plan, shards=len(specs))


def run_train(worker: Worker, claim: Claim, lease: JobLease) -> Commit:
    """One shard: train its replicas, or fit its model family, and write the evidence."""
    from worker.training.checkpoint import Checkpoints
    from worker.training.shard import run_shard
    from worker.training.spec import ShardSpec

    audit, dataset = load_audit(worker, claim.subject_id)
    assert audit.plan is not None
    spec = ShardSpec(**audit.plan["shards"][claim.number])
    if spec.encoder:  # this machine's models may lie elsewhere than those of the one that planned
        spec = replace(spec, encoder=_located(worker, audit) or "")
    folder = worker.storage.path(audits.shard_key(audit.id, claim.number))
    run_shard(
        spec,
        np.load(worker.storage.path(audit.plan["encoding"]), mmap_mode="c"),
        np.load(worker.storage.path(f"{audits.folder(audit.id)}/labels.npy")),
        len(dataset.class_names),
        folder,
        device=worker.device,
        on_progress=lease.report,
        checkpoints=Checkpoints(
            folder, fence=claim.fence, every_seconds=worker.settings.checkpoint_seconds
        ),
    )
    return lambda session: audits.shard_trained(session, audit.id)


def _located(worker: Worker, audit: Audit) -> str | None:
    from worker.encoders.hub import located

    return located(audit.config["encoder"], worker.settings.models_dir)
