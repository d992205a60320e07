"""Shows how far an audit is: a bar of tqdm where that is installed, else one line, rewritten."""

import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TextIO

from pydantic import BaseModel

from labelaudit.enums import JobStatus, JobType

STEPS = {
    JobType.encoding: "Encoding the samples",
    JobType.train: "Training the models",
    JobType.rank: "Ranking the suspects",
}


class Progress(BaseModel):
    """The progress of an audit, in [0, 1]. `eta_seconds` is None until it can be estimated."""

    status: JobStatus
    job: JobType | None = None
    progress: float
    eta_seconds: float | None = None


OnProgress = Callable[[Progress], None]


def step(progress: Progress) -> str:
    """What is being done, in words."""
    if progress.job is not None:
        return STEPS.get(progress.job, progress.job.capitalize())
    return "Waiting for a worker" if progress.status is JobStatus.queued else "Finishing"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s left" if minutes else f"{rest} s left"


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return type(shell).__name__ == "ZMQInteractiveShell"


@contextmanager
def shown(*, quiet: bool) -> Generator[OnProgress]:
    """A function that shows progress on stderr; it does nothing if `quiet` or if nobody watches."""
    if quiet or not (in_notebook() or sys.stderr.isatty()):
        yield lambda _progress: None
        return
    bar = _bar()
    display = _Line(sys.stderr) if bar is None else _Bar(bar)
    try:
        yield display.show
    finally:
        display.close()


def _bar() -> Any:
    """A bar of tqdm with a share for its total, or None without tqdm."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it regrets the absence of widgets
            from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(total=1.0, bar_format="{desc} {percentage:3.0f}% |{bar}| {postfix}", leave=False)


class _Bar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def show(self, progress: Progress) -> None:
        self._bar.set_description_str(step(progress), refresh=False)
        self._bar.set_postfix_str(duration(progress.eta_seconds), refresh=False)
        self._bar.n = progress.progress
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()


class _Line:
    def __init__(self, stream: TextIO) -> None:
        self._stream, self._width = stream, 0

    def show(self, progress: Progress) -> None:
        parts = [f"{step(progress)} {progress.progress:.0%}", duration(progress.eta_seconds)]
        self._write(", ".join(part for part in parts if part))

    def close(self) -> None:
        self._write("")
        self._stream.write("\r")
        self._stream.flush()

    def _write(self, text: str) -> None:
        """Replace the line; blanks cover what a longer one left behind."""
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = len(text)
