"""`start`: the whole road in one command, on a file of yours or on a demo."""

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
from service.cli import auditing, show
from service.cli.demo import NAME as DEMO_NAME
from service.cli.demo import Demo, DemoUnavailable, make_demo
from service.cli.options import (
    AsJson,
    DataDir,
    Encoder,
    Epochs,
    FeatureColumns,
    FileColumn,
    LabelColumn,
    Name,
    Objective,
    Replicas,
    SampleIdColumn,
    Seed,
    Settings,
    TextColumn,
    columns,
    training,
)

LOG = "service.log"
STARTUP_SECONDS = 60.0
STOP_SECONDS = 15.0
LOOKED_AT = (50, 100)


def start(
    path: Annotated[
        str | None, typer.Argument(help="A file or a folder; a demo where left out.")
    ] = None,
    leave: Annotated[
        bool,
        typer.Option(
            "--exit",
            "--no-wait",
            help="Stop when the results are shown, as it does where there is no terminal.",
        ),
    ] = False,
    name: Name = None,
    label_column: LabelColumn = None,
    sample_id_column: SampleIdColumn = None,
    text_column: TextColumn = None,
    file_column: FileColumn = None,
    feature_column: FeatureColumns = None,
    encoder: Encoder = None,
    objective: Objective = None,
    replicas: Replicas = None,
    epochs: Epochs = None,
    seed: Seed = None,
    settings: Settings = None,
    limit: auditing.Limit = 20,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Start the service if need be, audit a dataset, show the suspects, keep the service up."""
    roles = columns(label_column, sample_id_column, text_column, file_column, feature_column)
    options = training(encoder, objective, replicas, epochs, seed, settings)
    if path and not Path(path).exists():
        raise typer.BadParameter(f"There is no file or folder {path}.", param_hint="PATH")
    with ExitStack() as stack:
        demo = None if path else _demo(stack)
        service = stack.enter_context(_service(data_dir or default_data_dir()))
        client = stack.enter_context(Client(service.address.url, service.address.token))
        dataset, handle = auditing.run_audit(
            client,
            path or str(demo.path if demo else ""),
            name=name or (DEMO_NAME if demo else None),
            roles=roles,
            options=options,
        )
        if as_json:
            show.as_json(auditing.result(client, dataset, handle, limit) | _score(demo, handle))
        else:
            auditing.show_audit(dataset, handle, limit)
            _show_score(demo, handle)
        if sys.stdout.isatty() and not leave:
            _stay(service, handle)


def _demo(stack: ExitStack) -> Demo:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="labelaudit-"))
    try:
        return make_demo(Path(folder))
    except DemoUnavailable as error:
        raise LabelauditError(str(error)) from error


def _score(demo: Demo | None, handle: Audit) -> dict[str, Any]:
    """How many of the first suspects really had a wrong label: known for the demo alone."""
    if demo is None:
        return {}
    ranked = [one.sample_id for one in handle.suspects(limit=max(LOOKED_AT))]
    found = {str(count): demo.found(ranked[:count]) for count in LOOKED_AT}
    return {
        "demo": {
            "wrong": len(demo.wrong),
            "share": round(demo.share, 4),
            "found_among_first": found,
        }
    }


def _show_score(demo: Demo | None, handle: Audit) -> None:
    if demo is None:
        return
    score = _score(demo, handle)["demo"]
    found = ", ".join(
        f"{really} of the first {count} suspects"
        for count, really in score["found_among_first"].items()
    )
    show.out.print(
        f"\nThe truth about this demo: {score['wrong']} of its labels ({show.percent(demo.share)}) "
        f"were made wrong on purpose. Found of them: {found}."
    )


@dataclass(frozen=True)
class Service:
    """`process` is None where the service ran before and goes on running after."""

    address: Address
    process: "subprocess.Popen[bytes] | None"


@contextmanager
def _service(data_dir: Path) -> Generator[Service]:
    """The service of the data directory: the one that runs, or one for as long as this lasts."""
    from service.hosting.embedded import is_served

    if is_served(data_dir):
        yield Service(_wait_for_address(data_dir, None), None)
        return
    show.err.print("Starting the service …")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    delete_address(data_dir)
    command = [sys.executable, "-m", "service.cli", "serve", "--follow", str(os.getpid())]
    with _private(data_dir / LOG) as log:
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


def _private(path: Path) -> BinaryIO:
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
        f"The service did not start. Its log, {data_dir / LOG}, ends with:\n{_tail(data_dir)}"
    )


def _tail(data_dir: Path) -> str:
    try:
        return "\n".join((data_dir / LOG).read_text(errors="replace").splitlines()[-10:])
    except OSError:
        return "(nothing)"


def _stay(service: Service, handle: Audit) -> None:
    """Print the link last, and keep a service of ours up until Ctrl-C."""
    address = service.address
    link = f"{address.url}/audits/{handle.id}#token={address.token}"
    show.out.print(f"\n[bold]Review the suspects at[/] {link}", soft_wrap=True)
    if service.process is None:
        return
    show.out.print("[dim]Ctrl-C stops the service; nothing is lost.[/]")
    with suppress(KeyboardInterrupt):
        service.process.wait()
