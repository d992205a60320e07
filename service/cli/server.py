"""`serve`, `worker`, `migrate`: run the service."""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli import show
from service.cli.options import DataDir
from service.core.config import Settings

if TYPE_CHECKING:
    from service.hosting.embedded import Running

Host = Annotated[
    str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")
]
Port = Annotated[
    int | None,
    typer.Option(
        help="The port to listen on. If 8321 is taken, a free port is used.", show_default="8321"
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=0, help="Number of worker processes.", show_default="1")
]


def serve(
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    data_dir: DataDir = None,
    follow: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the service until Ctrl-C.

    By default it needs only a data directory: it uses SQLite and starts its own workers. With
    LABELAUDIT_DATABASE_URL it only serves HTTP; run `labelaudit migrate` before it and
    `labelaudit worker` beside it.
    """
    from service.hosting import embedded
    from service.observability import logs

    logs.configure()
    given = {"host": host, "port": port, "workers": workers, "data_dir": data_dir}
    settings = Settings(**_given(given))
    try:
        if settings.embedded:
            fixed = port is not None or "LABELAUDIT_PORT" in os.environ
            embedded.serve_embedded(
                settings, announce=_announce, port_is_fixed=fixed, follow=follow
            )
        else:
            embedded.serve_only_http(settings)
    except embedded.CannotServe as error:
        show.err.print(f"[bold red]Cannot serve:[/] {error}", soft_wrap=True)
        raise typer.Exit(1) from error


def _announce(running: "Running") -> None:
    if running.moved:
        show.out.print("Port 8321 is taken, so labelaudit uses another port.")
    if running.loopback:
        show.out.print(f"labelaudit runs at {running.address.link}", soft_wrap=True)
    else:
        # Other machines reach this port, and others may read this output.
        show.out.print(f"labelaudit runs at {running.address.url}", soft_wrap=True)
        show.out.print(f"The admin key is in {running.data_dir}/session.json.", soft_wrap=True)
    show.out.print(f"All data is in {running.data_dir}. Press Ctrl-C to stop.", soft_wrap=True)


def worker(
    queue: Annotated[
        list[str] | None,
        typer.Option("--queue", help="cpu or gpu. Repeat for both.", show_default="both"),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Run one worker, which executes jobs until it is stopped."""
    if data_dir:
        os.environ["LABELAUDIT_DATA_DIR"] = str(data_dir)
    chosen = [part for name in queue or () for part in ("--queue", name)]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "worker", *chosen])


def migrate(
    revision: Annotated[str, typer.Argument(help="The schema revision.")] = "head",
    data_dir: DataDir = None,
) -> None:
    """Migrate the database to the latest schema.

    With LABELAUDIT_APP_DATABASE_URL, also create the PostgreSQL role named there, with the
    privileges that the service needs. The role owns no table, so that row-level security applies
    to it and it cannot change the logs.
    """
    from service.accounts import access_log
    from service.db import app_role
    from service.db import migrate as migration
    from service.db.engine import Database

    settings = Settings(**_given({"data_dir": data_dir}))
    database = Database(settings.resolved_database_url)
    try:
        migration.upgrade(database, revision)
        if revision == "head":
            with database.write() as session:
                access_log.keep_for(session, settings.access_log_days)
        if settings.app_database_url:
            app_role.grant(database, settings.app_database_url)
    except app_role.InvalidRole as error:
        show.err.print(str(error))
        raise typer.Exit(1) from error
    finally:
        database.dispose()
    show.err.print(f"The database is at revision {revision}.")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
