"""What a checkpoint costs: its bytes, its time, and the share of training that goes into them.

python -m benchmarks.checkpoints [--samples 20000] [--features 256] [--objective gce]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from service.options.training import TrainingConfig
from worker.training.checkpoint import Checkpoints, State
from worker.training.plan import plan_shards
from worker.training.shard import run_shard

CLASSES = 10


class Measured(Checkpoints):
    """Checkpoints that tell what each took."""

    took: list[float]
    size = 0

    def _write(self, state: State) -> None:
        began = time.perf_counter()
        super()._write(state)
        self.took.append(time.perf_counter() - began)
        self.size = sum(path.stat().st_size for path in self.work.iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.checkpoints", description=__doc__)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=256)
    parser.add_argument("--objective", default="gce")
    parser.add_argument("--every", type=float, default=5.0)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, options.samples)
    inputs = rng.normal(labels[:, None], 5.0, (options.samples, options.features))
    config = TrainingConfig(objective=options.objective, families=("network",))
    spec = plan_shards(config, shape=inputs.shape, n_classes=CLASSES)[0]
    with tempfile.TemporaryDirectory(prefix="checkpoints-") as name:
        checkpoints = Measured(Path(name) / "0", every_seconds=options.every)
        checkpoints.took = []
        began = time.perf_counter()
        run_shard(
            spec,
            inputs.astype(np.float32),
            labels,
            CLASSES,
            Path(name) / "0",
            checkpoints=checkpoints,
        )
        seconds = time.perf_counter() - began
    took = checkpoints.took
    print(
        f"{options.objective}, {options.samples:,} x {options.features}, {spec.replicas} replicas, "
        f"{spec.epochs} epochs: {seconds:.1f} s, of which {len(took)} checkpoints took "
        f"{1000 * sum(took) / max(1, len(took)):.0f} ms each on average, together "
        f"{100 * sum(took) / seconds:.1f} %; {checkpoints.size / 2**20:.0f} MiB on disk"
    )


if __name__ == "__main__":
    main()
