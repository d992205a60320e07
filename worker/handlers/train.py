"""Samples -> the arrays that training reads -> the evidence of each shard."""

from dataclasses import asdict, replace

import numpy as np
from sqlalchemy.orm import Session

from service.audits import records as audits
from service.datasets import encodings
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
    from worker.handlers.encodings import ensure_encoding
    from worker.training.plan import plan_shards

    audit, dataset = load_audit(worker, claim.subject_id)
    labels, positions = analysed_labels(worker, audit)
    check_trainable(labels)
    key, inputs = ensure_encoding(worker, audit, dataset, positions, lease.report)
    specs = plan_shards(
        training_config(audit),
        shape=inputs.shape,
        n_classes=len(dataset.class_names),
        encoder=audit.config["encoder"],
    )
    save_array(worker, f"{audits.folder(audit.id)}/labels.npy", labels)
    save_array(worker, f"{audits.folder(audit.id)}/positions.npy", positions)
    plan = {"encoding": key, "shards": [asdict(spec) for spec in specs]}

    def commit(session: Session) -> None:
        encodings.require(session, worker.storage, key)
        audits.encoded(session, audit.id, plan=plan, shards=len(specs))

    return commit


def run_train(worker: Worker, claim: Claim, lease: JobLease) -> Commit:
    """One shard: train its replicas, or fit its model family, and write the evidence."""
    from worker.handlers.encodings import located_encoder
    from worker.training.checkpoint import Checkpoints
    from worker.training.shard import run_shard
    from worker.training.spec import ShardSpec

    audit, dataset = load_audit(worker, claim.subject_id)
    assert audit.plan is not None
    spec = ShardSpec(**audit.plan["shards"][claim.number])
    if spec.encoder:  # this machine's models may lie elsewhere than those of the one that planned
        spec = replace(spec, encoder=located_encoder(worker, audit) or "")
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
