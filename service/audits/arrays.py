"""An audit's arrays to download: what its models said of each sample, and what they saw.

Row n of every array is the n-th analysed sample in the order of the upload: `position` is its row
there, counted from 0.
"""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from service.audits import records as audits
from service.audits.shard_files import read_shards, shard_folders
from service.audits.whole_ranking import Reading
from service.core.errors import Gone, NotFound
from service.datasets import encodings
from service.db.tables import Audit, Dataset, Sample
from service.ranking import Evidence
from service.ranking.pooling import Pool, fit_pool
from service.ranking.posterior import model_families
from service.ranking.trajectory import Trajectory
from service.storage.local import Storage
from service.storage.npz_stream import StreamedArray

ArrayName = Literal["pred_probs", "embeddings", "trajectories"]
BLOCK_ROWS = 8192
OF_EPOCHS = ("margin", "p_given", "loss", "predicted", "p_predicted")


def open_arrays(
    reading: Reading,
    storage: Storage,
    audit: Audit,
    dataset: Dataset,
    name: ArrayName,
    *,
    to_send: bool = True,
) -> list[StreamedArray]:
    """The arrays of one download; files are open, so that nothing deleted later is missed. Where
    they are not `to_send`, what costs most is left out: the pool of `pred_probs` is empty.

    Raises NotFound, Gone.
    """
    if audit.plan is None:
        raise NotFound(
            "This audit trained no models: the dataset came with its probabilities.",
            type="no-arrays",
        )
    folder = audits.folder(audit.id)
    labels = np.load(storage.path(f"{folder}/labels.npy"))
    positions = np.load(storage.path(f"{folder}/positions.npy"))
    match name:
        case "pred_probs":
            found = [_pred_probs(storage, audit, dataset, labels, to_send)]
        case "embeddings":
            found = [_embeddings(storage, audit)]
        case "trajectories":
            found = _trajectories(storage, audit)
    return [
        *found,
        StreamedArray.of("label", labels.astype(np.int64)),
        StreamedArray.of("class_names", np.array(dataset.class_names, np.str_)),
        _sample_ids(reading, dataset.id, positions),
        StreamedArray.of("position", positions.astype(np.int64)),
    ]


def _pred_probs(
    storage: Storage, audit: Audit, dataset: Dataset, labels: NDArray[Any], to_send: bool
) -> StreamedArray:
    """(N, C) float32: the calibrated pool of all families that the first ranking used."""
    trajectories, probabilities = read_shards(shard_folders(storage, audit))
    n_classes = len(dataset.class_names)
    evidence = Evidence(labels, n_classes, trajectories, probabilities)
    blocks: Iterator[NDArray[Any]] = iter(())
    if to_send:
        pool = fit_pool(model_families(evidence), labels, seed=audit.config["seed"])
        blocks = _pooled(pool, len(labels))
    shape = (len(labels), n_classes)
    return StreamedArray("pred_probs", np.dtype(np.float32), shape, blocks)


def _pooled(pool: Pool, n: int) -> Iterator[NDArray[Any]]:
    for rows in _blocks(n):
        yield pool(rows)


def _embeddings(storage: Storage, audit: Audit) -> StreamedArray:
    """(N, D) float: the vectors that the models saw."""
    assert audit.plan is not None
    key = audit.plan["encoding"]
    try:
        encodings.touch(storage, key)
        vectors = np.load(storage.path(key), mmap_mode="r")
    except FileNotFoundError:
        raise Gone(
            "The vectors of this audit were removed to save space. Audit the dataset again.",
            type="vectors-removed",
        ) from None
    if vectors.ndim != 2:
        raise NotFound("This audit read the images' pixels: it has no vectors.", type="no-arrays")
    blocks = (vectors[rows] for rows in _blocks(len(vectors)))
    return StreamedArray("embedding", vectors.dtype, vectors.shape, blocks)


def _trajectories(storage: Storage, audit: Audit) -> list[StreamedArray]:
    """(E, N, K) each, and `in_bag` (N, K); the replicas of all shards side by side."""
    shards, _ = read_shards(shard_folders(storage, audit))
    if not shards:
        raise NotFound("This audit trained no network: it has no epochs.", type="no-arrays")
    in_bag = np.concatenate([shard.in_bag for shard in shards], axis=1)
    known = [
        name for name in OF_EPOCHS if all(getattr(shard, name) is not None for shard in shards)
    ]
    return [*(_of_epochs(name, shards) for name in known), StreamedArray.of("in_bag", in_bag)]


def _of_epochs(name: str, shards: list[Trajectory]) -> StreamedArray:
    parts = [getattr(shard, name) for shard in shards]
    epochs, n, _ = parts[0].shape
    replicas = sum(part.shape[2] for part in parts)
    blocks = (
        np.concatenate([part[epoch, rows] for part in parts], axis=1)
        for epoch in range(epochs)
        for rows in _blocks(n)
    )
    return StreamedArray(name, np.result_type(*parts), (epochs, n, replicas), blocks)


def _sample_ids(
    reading: Reading, dataset_id: str, positions: NDArray[np.integer[Any]]
) -> StreamedArray:
    longest = select(func.max(func.length(Sample.sample_id)))
    with reading() as session:
        width = session.scalar(longest.where(Sample.dataset_id == dataset_id)) or 1
    dtype = np.dtype(f"<U{width}")

    def blocks() -> Iterator[NDArray[Any]]:
        for rows in _blocks(len(positions)):
            wanted = positions[rows].tolist()
            query = select(Sample.position, Sample.sample_id).where(
                Sample.dataset_id == dataset_id, Sample.position.between(wanted[0], wanted[-1])
            )
            with reading() as session:
                ids = dict(session.execute(query).all())
            yield np.array([ids[position] for position in wanted], dtype)

    return StreamedArray("sample_id", dtype, (len(positions),), blocks(), is_text=True)


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(n, start + BLOCK_ROWS)) for start in range(0, n, BLOCK_ROWS))
