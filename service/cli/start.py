"""`start`: everything in one command, on a file or on a demo."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from labelaudit import Audit, Client, LabelauditError
from labelaudit.client.session_file import (
    Address,
    default_data_dir,
    delete_address,
    read_address,
)
from service.cli import audits, options, show
from service.cli.demo import NAME as DEMO_NAME
from service.cli.demo import Demo, DemoUnavailable, make_demo
from service.cli.options import AsJson, DataDir

LOG = "service.log"
STARTUP_SECONDS = 60.0
STOP_SECONDS = 15.0
HITS_AMONG_FIRST = (50, 100)


def start(
    path: Annotated[
        str | None, typer.Argument(help="A file or a folder.", show_default="a demo")
    ] = None,
    leave: Annotated[
        bool,
        typer.Option(
            "--exit",
            "--no-wait",
            help="Exit after showing the results; the default without a terminal.",
        ),
    ] = False,
    name: options.Name = None,
    label_column: options.LabelColumn = None,
    sample_id_column: options.SampleIdColumn = None,
    text_column: options.TextColumn = None,
    file_column: options.FileColumn = None,
    feature_column: options.FeatureColumns = None,
    encoder: options.Encoder = None,
    objective: options.Objective = None,
    replicas: options.Replicas = None,
    epochs: options.Epochs = None,
    seed: options.Seed = None,
    settings: options.Settings = None,
    limit: audits.Limit = 20,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Start a service, audit a dataset, show the suspects and keep the service running."""
    roles = options.column_roles(
        label_column, sample_id_column, text_column, file_column, feature_column
    )
    training = options.training(encoder, objective, replicas, epochs, seed, settings)
    if path and not Path(path).exists():
        raise typer.BadParameter(f"There is no file or folder {path}.", param_hint="PATH")
    with ExitStack() as stack:
        demo = None if path else _demo(stack)
        service = stack.enter_context(_service(data_dir or default_data_dir()))
        client = stack.enter_context(Client(service.address.url, service.address.token))
        dataset, audit = audits.run_audit(
            client,
            path or str(demo.path if demo else ""),
            name=name or (DEMO_NAME if demo else None),
            roles=roles,
            training=training,
        )
        if as_json:
            show.as_json(audits.result(client, dataset, audit, limit) | _score(demo, audit))
        else:
            audits.show_audit(dataset, audit, limit)
            _show_score(demo, audit)
        if sys.stdout.isatty() and not leave:
            _keep_running(service, audit)


def _demo(stack: ExitStack) -> Demo:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="labelaudit-"))
    try:
        return make_demo(Path(folder))
    except DemoUnavailable as error:
        raise LabelauditError(str(error)) from error


def _score(demo: Demo | None, audit: Audit) -> dict[str, Any]:
    """How many of the first suspects are mislabeled, which is known only for the demo."""
    if demo is None:
        return {}
    ranked = [one.sample_id for one in audit.suspects(limit=max(HITS_AMONG_FIRST))]
    found = {str(count): demo.found(ranked[:count]) for count in HITS_AMONG_FIRST}
    return {
        "demo": {
            "wrong": len(demo.wrong),
            "share": round(demo.share, 4),
            "found_among_first": found,
        }
    }


def _show_score(demo: Demo | None, audit: Audit) -> None:
    if demo is None:
        return
    score = _score(demo, audit)["demo"]
    found = ", ".join(
        f"{hits} of the first {count}" for count, hits in score["found_among_first"].items()
    )
    show.out.print(
        f"\nGround truth of the demo: {score['wrong']} samples ({show.percent(demo.share)}) were "
        f"mislabeled on purpose. Mislabeled among the suspects: {found}."
    )


@dataclass(frozen=True)
class Service:
    """`process` is None if the service was already running; it is then left running."""

    address: Address
    process: "subprocess.Popen[bytes] | None"


@contextmanager
def _service(data_dir: Path) -> Generator[Service]:
    """The running service of the data directory, or a new one that stops afterwards."""
    from service.hosting.embedded import is_served

    if is_served(data_dir):
        yield Service(_wait_for_address(data_dir, None), None)
        return
    show.err.print("Starting the service …")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    delete_address(data_dir)
    command = [sys.executable, "-m", "service.cli", "serve", "--follow", str(os.getpid())]
    with _open_private(data_dir / LOG) as log:
        process = subprocess.Popen(
            [*command, "--data-dir", str(data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for this process, which then stops that one
        )
    try:
        yield Service(_wait_for_address(data_dir, process), process)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _open_private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _wait_for_address(data_dir: Path, process: "subprocess.Popen[bytes] | None") -> Address:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline:
        if address := read_address(data_dir):
            return address
        if process is not None and process.poll() is not None:
            break
        time.sleep(0.05)
    raise LabelauditError(
        f"The service did not start. Its log, {data_dir / LOG}, ends with:\n{_log_tail(data_dir)}"
    )


def _log_tail(data_dir: Path) -> str:
    try:
        return "\n".join((data_dir / LOG).read_text(errors="replace").splitlines()[-10:])
    except OSError:
        return "(empty)"


def _keep_running(service: Service, audit: Audit) -> None:
    """Print the link last, and keep a service that we started running until Ctrl-C."""
    address = service.address
    link = f"{address.url}/audits/{audit.id}#token={address.token}"
    show.out.print(f"\n[bold]Review the suspects at[/] {link}", soft_wrap=True)
    if service.process is None:
        return
    show.out.print("[dim]Press Ctrl-C to stop the service. All data is kept.[/]")
    with suppress(KeyboardInterrupt):
        service.process.wait()
