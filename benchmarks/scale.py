"""The ranking alone on many samples: seconds, and the memory that it needs beyond its input.

    python -m benchmarks.scale [--samples 1000000] [--classes 100] [--noise 0.1]

Class probabilities of a made-up model lie in a file, as a user's would; labels carry symmetric
noise. Memory is told twice: all of it at its peak, with the pages of the mapped file that the
system keeps but may drop at any time, and what the process itself holds at its peak.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from service.ranking import Evidence, rank_suspects

BLOCK = 20_000
MIB = 1 << 20


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.scale", description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--noise", type=float, default=0.1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        path = Path(folder) / "pred_probs.npy"
        truth, labels = _write(path, options.samples, options.classes, options.noise)
        probabilities = np.load(path, mmap_mode="r")
        before = _status("RssAnon")
        with Watch() as watch:
            started = time.perf_counter()
            evidence = Evidence(
                labels, options.classes, probabilities={"pred_probs": probabilities}
            )
            ranking = rank_suspects(evidence)
            seconds = time.perf_counter() - started
        wrong = truth != labels
        size = path.stat().st_size / MIB
    rate = ranking.summary.noise_rate
    print(
        f"{options.samples:,} samples x {options.classes} classes, {size:,.0f} MiB of probabilities"
    )
    print(f"seconds                {seconds:.1f}")
    print(f"own memory             {(watch.peak - before) / MIB:,.0f} MiB at its peak")
    print(
        f"all memory             {_status('VmHWM') / MIB:,.0f} MiB at its peak, the file's included"
    )
    print(f"average precision      {average_precision_score(wrong, ranking.p_wrong):.3f}")
    print(
        f"noise rate             {rate.estimate:.3f} [{rate.low:.3f}, {rate.high:.3f}],"
        f" truly {wrong.mean():.3f}"
    )


class Watch:
    """Looks at the process's own memory a hundred times a second; `peak` in bytes."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._stop.wait(0.01):
            self.peak = max(self.peak, _status("RssAnon"))

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def _status(name: str) -> float:
    """A figure of this process from /proc, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return float(line.split()[1]) * 1024
    raise ValueError(f"/proc/self/status tells no {name}")


def _write(
    path: Path, n: int, n_classes: int, noise: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Probabilities into the file, block by block; (true, given labels)."""
    generator = np.random.default_rng(0)
    truth = generator.integers(0, n_classes, n)
    flipped = generator.random(n) < noise
    other = (truth + generator.integers(1, n_classes, n)) % n_classes
    labels = np.where(flipped, other, truth)
    target = open_memmap(path, mode="w+", dtype=np.float32, shape=(n, n_classes))
    for start in range(0, n, BLOCK):
        rows = slice(start, min(n, start + BLOCK))
        own = truth[rows]
        logits = generator.normal(size=(len(own), n_classes))
        logits[np.arange(len(own)), own] += generator.normal(6.0, 2.0, len(own))
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        target[rows] = shares / shares.sum(axis=1, keepdims=True)
    target.flush()
    return truth.astype(np.intp), labels.astype(np.intp)


if __name__ == "__main__":
    main()
