"""`fine_tuned` against a head on the same encoder: accuracy, recovery, detection, time.

    python -m benchmarks.fine_tuning --images images.zip --texts banking77/samples.parquet

The images have one human annotator's labels, with truth.csv beside them; of the texts' labels a
share is replaced at random by other classes. Both networks train on the same samples, with the same
objective and the plan that an audit would make; the held-out samples are scored by true labels.
"""

import argparse
import csv
import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from benchmarks.cifar import CLASSES, SEED_OFFSET
from benchmarks.objectives import accuracy, score
from service.options.encoders import DEFAULTS
from service.options.training import TrainingConfig
from service.pictures.image_files import STORED
from worker.encoders import encode
from worker.training.families import standardise
from worker.training.plan import plan_shards
from worker.training.shard import ShardRun, train_network

HEAD, FINE_TUNED = "auto", "fine_tuned"


@dataclass(frozen=True)
class Source:
    """Samples as an audit finds them, and what is known of their labels."""

    kind: str
    parquet: Path
    upload: Path
    given: NDArray[np.int64]
    truth: NDArray[np.int64]
    n_classes: int


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    records = []
    with tempfile.TemporaryDirectory(prefix="fine-tuning-") as folder:
        for source in _sources(options, Path(folder)):
            for network in options.networks:
                records.append(measure(source, network, options, Path(folder)))
                print(_line(records[-1]), flush=True)
                if options.json:
                    options.json.write_text(json.dumps(records, indent=1))
    return 0


def measure(
    source: Source, network: str, options: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """Encode, train and score one network on one source."""
    order = np.random.default_rng([SEED_OFFSET, 3, options.seed]).permutation(len(source.truth))
    training = np.sort(order[: options.samples])
    held_out = np.sort(order[options.samples :][: options.held_out])
    device = torch.device(options.device)
    config = TrainingConfig.model_validate(
        {
            "network": network,
            "objective": options.objective,
            "replicas": options.replicas if network == FINE_TUNED else None,
            "replicas_per_shard": 64,  # one shard: one network to ask about the held-out samples
            "families": ("network",),
            "seed": options.seed,
        }
    )
    began = time.perf_counter()
    encoded = encode(
        source.kind,
        source.parquet,
        source.upload,
        encoder=DEFAULTS[source.kind],
        fine_tuned=network == FINE_TUNED,
        destination=folder / f"{source.kind}-{network}.npy",
        positions=np.concatenate([training, held_out]),
        device=options.device,
    )
    inputs = torch.from_numpy(np.array(encoded.load()))
    if network != FINE_TUNED:
        inputs = standardise(inputs.float())
    trained = time.perf_counter()
    shape = (len(training), *inputs.shape[1:])
    (spec,) = plan_shards(
        config, shape=shape, n_classes=source.n_classes, encoder=DEFAULTS[source.kind]
    )
    labels = source.given[training]
    shard = folder / f"{source.kind}-{network}"
    run = ShardRun(spec, source.n_classes, shard, device, lambda _share: None)
    fitted = train_network(run, inputs[: len(training)], torch.from_numpy(labels))
    ended = time.perf_counter()
    return {
        "kind": source.kind,
        "network": spec.network,
        "objective": spec.objective,
        "seed": options.seed,
        "samples": len(training),
        "held_out": len(held_out),
        "noise_rate": float((labels != source.truth[training]).mean()),
        "replicas": spec.replicas,
        "epochs": spec.epochs,
        "encoding_seconds": trained - began,
        "seconds": ended - trained,
        "accuracy": accuracy(
            fitted.eval(), inputs[len(training) :], source.truth[held_out], device
        ),
        **score(shard, labels, source.truth[training]),
    }


def _sources(options: argparse.Namespace, folder: Path) -> Iterator[Source]:
    if options.images:
        yield _images(options.images, folder)
    if options.texts:
        yield _texts(options.texts, options.noise, options.seed)


def _images(archive: Path, folder: Path) -> Source:
    """The zip's images stored one behind the other, as the service stores those it is sent."""
    with archive.with_name("truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with zipfile.ZipFile(archive) as opened:
        raw = [opened.read(row["file"]) for row in rows]
    sizes = np.array([len(one) for one in raw], np.int64)
    columns = {
        "sample_id": [row["file"] for row in rows],
        "file": [row["file"] for row in rows],
        "media_offset": np.cumsum(sizes) - sizes,
        "media_compressed": sizes,
        "media_size": sizes,
        "media_method": np.full(len(raw), STORED, np.int8),
    }
    pq.write_table(pa.table(columns), folder / "images.parquet")
    (folder / "images").write_bytes(b"".join(raw))
    given, truth = (
        np.array([CLASSES.index(row[name]) for row in rows])
        for name in ("given_label", "true_label")
    )
    return Source("image", folder / "images.parquet", folder / "images", given, truth, len(CLASSES))


def _texts(parquet: Path, noise: float, seed: int) -> Source:
    """The labels as shipped are taken for true; of so many a share another class is given."""
    names = pq.read_table(parquet, columns=["given_label"]).column(0).to_pylist()
    classes = sorted(set(names))
    truth = np.searchsorted(classes, names)
    draw = np.random.default_rng([SEED_OFFSET, 4, seed])
    moved = (truth + draw.integers(1, len(classes), len(truth))) % len(classes)
    given = np.where(draw.random(len(truth)) < noise, moved, truth)
    return Source("text", parquet, parquet, given, truth, len(classes))


def _line(record: dict[str, Any]) -> str:
    return (
        f"{record['kind']:<6}{record['network']:<6}{record['objective']:<15}{record['seed']:>2}"
        f"  accuracy {record['accuracy']:.3f}  recovery {record['recovery']:.3f}"
        f"  AP {record['ap_margin']:.3f} {record['ap_out_of_bag']:.3f}"
        f"  {record['replicas']} replicas, {record['epochs']} epochs,"
        f" {record['encoding_seconds']:.0f} + {record['seconds']:.0f} s"
    )


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.fine_tuning", description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=Path, help="images.zip with truth.csv beside it")
    parser.add_argument("--texts", type=Path, help="a samples.parquet with text and given_label")
    parser.add_argument(
        "--networks", nargs="+", choices=(HEAD, FINE_TUNED), default=(HEAD, FINE_TUNED)
    )
    parser.add_argument("--noise", type=float, default=0.2, help="share of the texts' labels moved")
    parser.add_argument("--samples", type=int, default=2000, help="trained on")
    parser.add_argument("--held-out", type=int, default=1000)
    parser.add_argument("--objective", default="gce")
    parser.add_argument(
        "--replicas", type=int, help="of `fine_tuned`; an audit's number if left out"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the records to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
