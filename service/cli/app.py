"""The Typer application: every command under its name."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from labelaudit import LabelauditError, __version__
from service.cli import (
    accounts,
    audits,
    certificates,
    classifier,
    corrections,
    datasets,
    keys,
    maintenance,
    reviewing,
    server,
    show,
    training_menu,
)
from service.cli.start import start
from service.storage.anchors import BadKey

app = typer.Typer(
    name="labelaudit",
    help="Find and fix mislabeled samples in a dataset.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: tuple[Callable[..., None], ...] = (
    start,
    audits.audit,
    audits.suspects,
    audits.summary,
    audits.report,
    corrections.correct,
    corrections.revert,
    audits.rerank,
    datasets.export,
    datasets.labeling_config,
    datasets.datasets,
    datasets.columns,
    datasets.annotators,
    datasets.delete,
    training_menu.objectives,
    training_menu.encoders,
    accounts.access_log,
    classifier.model,
    classifier.predict,
    server.serve,
    server.worker,
    server.migrate,
    maintenance.verify,
    maintenance.clean,
    maintenance.backup,
    maintenance.restore,
    maintenance.erase,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(keys.app, name="keys")
app.add_typer(accounts.members, name="members")
app.add_typer(accounts.sessions, name="sessions")
app.add_typer(accounts.tenants, name="tenants")
app.add_typer(reviewing.app, name="review")
app.add_typer(certificates.app, name="certificate")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """What stands before a command."""


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def run() -> None:
    """Exit code 0: done. 1: the service or the upload failed. 2: wrong usage."""
    try:
        app()
    except (LabelauditError, TimeoutError, BadKey) as error:
        show.err.print(show.error(str(error)), soft_wrap=True)
        sys.exit(1)
