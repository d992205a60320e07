"""`start`: everything in one command, on a file or on a demo."""

import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelaudit import Audit, Client, LabelauditError
from labelaudit.client.session_file import default_data_dir
from service.cli import audits, options, show
from service.cli.demo import NAME as DEMO_NAME
from service.cli.demo import Demo, DemoUnavailable, make_demo
from service.cli.options import AsJson, DataDir

if TYPE_CHECKING:
    from service.hosting.child import Service

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


def _service(data_dir: Path) -> AbstractContextManager["Service"]:
    from service.hosting.child import running_service

    return running_service(data_dir, on_start=lambda: show.err.print("Starting the service …"))


def _keep_running(service: "Service", audit: Audit) -> None:
    """Print the link last, and keep a service that we started running until Ctrl-C."""
    address = service.address
    link = f"{address.url}/audits/{audit.id}#token={address.token}"
    show.out.print(f"\n[bold]Review the suspects at[/] {link}", soft_wrap=True)
    if service.process is None:
        return
    show.out.print("[dim]Press Ctrl-C to stop the service. All data is kept.[/]")
    with suppress(KeyboardInterrupt):
        service.process.wait()
