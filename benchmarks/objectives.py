"""What every objective makes of noisy labels: accuracy, recovery, detection, time.

    python -m benchmarks.objectives --data embeddings.npz --images images.zip --json results.json
    python -m benchmarks.objectives --report results.json [--plot docs/lab/objectives.svg]

The first form trains, on CIFAR-10 embeddings under symmetric 20 and 50 %, asymmetric 40 % and real
human noise, and on the images themselves with the small CNN under human noise; a fifth of the
samples, with their true labels, is held out. The second writes the table and the plot of such
results into docs/lab/objectives.md. Everything is the engine's own training with each objective's
default options; `forward (true T)` is given the noise matrix that the labels really have.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch import Tensor

from benchmarks.cifar import (
    Data,
    noisy_labels,
    read_embeddings,
    read_images,
    split,
)
from benchmarks.objectives_report import write_plot, write_table
from service.options.objectives import OBJECTIVES, resolve_options
from service.ranking.trajectory import Trajectory
from worker.training.families import standardise
from worker.training.networks import Network
from worker.training.shard import ShardRun, train_network
from worker.training.spec import ShardSpec

NOISES = ("symmetric:0.2", "symmetric:0.5", "asymmetric:0.4", "human")
IMAGE_NOISES = (*NOISES, "uniform:0.5")
TRUE_T = "forward (true T)"
METHODS = (*OBJECTIVES, TRUE_T)
DOCUMENT = Path("docs/lab/objectives.md")


@dataclass(frozen=True)
class Job:
    """One training: everything that decides it."""

    kind: str  # "vectors" or "images"
    noise: str
    method: str
    seed: int
    epochs: int
    replicas: int
    device: str
    batch: int
    limit: int | None


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.report:
        records = json.loads(options.report.read_text())
        write_table(records, options.markdown, options.plot.name)
        write_plot(records, options.plot)
        return 0
    if not options.data and not options.images:
        raise SystemExit("nothing to train on: name --data, --images, or --report")
    records = []
    started = time.perf_counter()
    for record in run(options):
        records.append(record)
        print(_line(record), flush=True)
        if options.json:  # kept as it grows: a run that is stopped has said what it knows
            options.json.write_text(json.dumps(records, indent=1))
    print(f"{len(records)} trainings in {time.perf_counter() - started:.0f} s")
    return 0


def run(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One record for each training, in the order in which they end."""
    sources = (options.data, options.images, options.truth)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        options.jobs, mp_context=context, initializer=_load, initargs=sources
    ) as pool:
        pending: list[Future[dict[str, Any]]] = [
            pool.submit(measure, job) for job in _jobs(options)
        ]
        for finished in as_completed(pending):
            yield finished.result()


def _jobs(options: argparse.Namespace) -> Iterator[Job]:
    for seed in options.seeds:  # seeds outermost: a run cut short still compares all methods
        for kind, path, noises, epochs, replicas in (
            ("vectors", options.data, options.noise, options.epochs, options.replicas),
            (
                "images",
                options.images,
                options.image_noise,
                options.image_epochs,
                options.image_replicas,
            ),
        ):
            if path:
                for noise in noises:
                    for method in options.methods:
                        yield Job(
                            kind,
                            noise,
                            method,
                            seed,
                            epochs,
                            replicas,
                            options.device,
                            options.batch if kind == "vectors" else 256,
                            options.limit,
                        )


_data: dict[str, Data] = {}


def _load(embeddings: Path | None, images: Path | None, truth: Path | None) -> None:
    torch.set_num_threads(1)
    if embeddings:
        _data["vectors"] = read_embeddings(embeddings)
    if images:
        _data["images"] = read_images(images, truth or images.with_name("truth.csv"))


def measure(job: Job) -> dict[str, Any]:
    """Train once and score: all shares in [0, 1], high = good, and seconds."""
    data = _data[job.kind]
    training, held_out = split(len(data.truth), job.seed, job.limit)
    given, matrix = noisy_labels(data, job.noise, job.seed)
    inputs = torch.from_numpy(data.inputs)
    if job.kind == "vectors":
        inputs = standardise(inputs.float())
    labels, truth = given[training], data.truth[training]
    device = torch.device(job.device)
    with tempfile.TemporaryDirectory(prefix="objectives-") as folder:
        path = Path(folder) / "shard"
        started = time.perf_counter()
        run = ShardRun(_spec(job, matrix), data.n_classes, path, device, lambda _share: None)
        network = train_network(run, inputs[training], torch.from_numpy(labels))
        seconds = time.perf_counter() - started
        scores = score(path, labels, truth)
    found = accuracy(network, inputs[held_out], data.truth[held_out], device)
    return asdict(job) | {"noise_rate": float((labels != truth).mean()), "seconds": seconds,
                          "accuracy": found} | scores  # fmt: skip


def _spec(job: Job, matrix: NDArray[np.float64]) -> ShardSpec:
    name = "forward" if job.method == TRUE_T else job.method
    options = {"noise_matrix": matrix.tolist()} if job.method == TRUE_T else {}
    return ShardSpec(
        number=0,
        family="network",
        seed=job.seed,
        objective=name,
        options=dict(resolve_options(name, options)),
        network="mlp" if job.kind == "vectors" else "cnn",
        replicas=job.replicas,
        epochs=job.epochs,
        hidden=128,
        batch_size=job.batch,
        learning_rate=2e-3 * (job.batch / 256) ** 0.5,
        weight_decay=1e-2,
    )


def score(folder: Path, labels: NDArray[np.int64], truth: NDArray[np.int64]) -> dict[str, float]:
    """Average precision of finding wrong labels by margin and by out-of-bag probability, and the
    share of samples whose true label the out-of-bag replicas, or relabelled labels, name."""
    trajectory = Trajectory.load(folder)
    wrong = labels != truth
    margin = np.mean([epoch.astype(np.float32).mean(1) for epoch in trajectory.margin], axis=0)
    probs = trajectory.probs_out_of_bag
    known = ~np.isnan(probs[:, 0])
    own = probs[np.arange(len(labels)), labels]
    said = probs
    if (folder / "soft_labels.npy").exists():
        said = np.load(folder / "soft_labels.npy")
    scores = {
        "ap_margin": average_precision_score(wrong, -margin),
        "ap_out_of_bag": average_precision_score(wrong[known], -own[known]),
        "recovery": (said.argmax(1) == truth)[known].mean(),
    }
    return {name: float(value) for name, value in scores.items()}


@torch.no_grad()
def accuracy(
    network: Network, inputs: Tensor, truth: NDArray[np.int64], device: torch.device
) -> float:
    """Of the mean softmax of the last epoch's replicas."""
    logits = [network(batch.to(device)) for batch in torch.tensor_split(inputs, 8)]
    predicted = torch.cat(logits).softmax(2).mean(1).argmax(1).cpu().numpy()
    return float((predicted == truth).mean())


def _line(record: dict[str, Any]) -> str:
    return (
        f"{record['kind']:<8}{record['noise']:<15}{record['method']:<21}{record['seed']:>2}"
        f"  accuracy {record['accuracy']:.3f}  recovery {record['recovery']:.3f}"
        f"  AP {record['ap_margin']:.3f} {record['ap_out_of_bag']:.3f}  {record['seconds']:.1f} s"
    )


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.objectives", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="embeddings.npz of all CIFAR-10 training images")
    parser.add_argument("--images", type=Path, help="images.zip with truth.csv beside it")
    parser.add_argument("--truth", type=Path, help="the truth.csv of --images, if elsewhere")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, metavar="NAME")
    parser.add_argument("--noise", nargs="+", choices=NOISES, default=NOISES)
    parser.add_argument("--image-noise", nargs="+", choices=IMAGE_NOISES, default=["human"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=1, help="trainings that run side by side")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--replicas", type=int, default=4)
    parser.add_argument("--batch", type=int, default=512, help="of the embeddings")
    parser.add_argument("--image-epochs", type=int, default=15)
    parser.add_argument("--image-replicas", type=int, default=4)
    parser.add_argument("--limit", type=int, help="train on so many samples only, to try things")
    parser.add_argument("--json", type=Path, help="write the records to this file")
    parser.add_argument("--report", type=Path, help="no training: report on these records")
    parser.add_argument("--markdown", type=Path, default=DOCUMENT, help="where the table goes")
    parser.add_argument("--plot", type=Path, default=DOCUMENT.with_suffix(".svg"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
