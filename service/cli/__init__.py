"""The command line. But for `serve`, `worker` and `migrate`, it is a client of the public API."""

import sys
from collections.abc import Callable
from importlib.metadata import version as installed_version

import typer

from labelaudit import LabelauditError
from service.cli import (
    annotators,
    auditing,
    columns,
    keys,
    models,
    people,
    reviewing,
    safety,
    serving,
    show,
)
from service.cli.start import start
from service.storage.anchors import BadKey

app = typer.Typer(
    name="labelaudit",
    help="Find the wrong labels in a dataset, and mend them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: tuple[Callable[..., None], ...] = (
    start,
    auditing.audit,
    auditing.suspects,
    auditing.summary,
    auditing.report,
    auditing.correct,
    auditing.revert,
    auditing.rerank,
    auditing.export,
    auditing.datasets,
    columns.columns,
    annotators.annotators,
    auditing.delete,
    auditing.objectives,
    auditing.encoders,
    keys.access_log,
    models.model,
    models.predict,
    serving.serve,
    serving.worker,
    serving.migrate,
    safety.verify,
    safety.clean,
    safety.backup,
    safety.restore,
    safety.erase,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(keys.app, name="keys")
for name in ("members", "sessions", "tenants"):
    app.add_typer(getattr(people, name), name=name)
app.add_typer(reviewing.app, name="review")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(installed_version("labelaudit"))


def main() -> None:
    """0: done. 1: the service, or what was uploaded, stood in the way. 2: wrong usage."""
    try:
        app()
    except (LabelauditError, TimeoutError, BadKey) as error:
        show.err.print(show.plain_lines(str(error)), soft_wrap=True)
        sys.exit(1)
