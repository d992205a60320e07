"""`serve`, `worker`, `migrate`: what runs the service."""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli import show
from service.cli.options import DataDir
from service.core.config import Settings

if TYPE_CHECKING:
    from service.hosting.embedded import Running

Host = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
Port = Annotated[
    int | None,
    typer.Option(help="Port to listen on; a free one where 8321 is taken.", show_default="8321"),
]
Workers = Annotated[int | None, typer.Option(min=0, help="Worker processes.", show_default="1")]


def serve(
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    data_dir: DataDir = None,
    follow: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the service until Ctrl-C.

    With nothing set it needs only a data directory: SQLite, and workers of its own. With
    LABELAUDIT_DATABASE_URL set it serves HTTP alone; `labelaudit migrate` and `labelaudit worker`
    are run beside it.
    """
    from service.hosting import embedded
    from service.observability import logs

    logs.configure()
    given = {"host": host, "port": port, "workers": workers, "data_dir": data_dir}
    settings = Settings(**_set(given))
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
        show.out.print("The usual port is taken; this one is free.")
    if running.loopback:
        show.out.print(f"labelaudit runs at {running.address.link}", soft_wrap=True)
    else:
        # Other machines reach this port, and whoever reads this output may not be its owner.
        show.out.print(f"labelaudit runs at {running.address.url}", soft_wrap=True)
        show.out.print(f"The admin key is in {running.data_dir}/session.json.", soft_wrap=True)
    show.out.print(f"Everything is kept in {running.data_dir}. Ctrl-C stops it.", soft_wrap=True)


def worker(
    queue: Annotated[
        list[str] | None, typer.Option("--queue", help="cpu, gpu; both where left out.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Run one worker: the jobs of audits, from a queue or from the database."""
    if data_dir:
        os.environ["LABELAUDIT_DATA_DIR"] = str(data_dir)
    chosen = [part for name in queue or () for part in ("--queue", name)]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "worker", *chosen])


def migrate(
    revision: Annotated[str, typer.Argument(help="The schema to go to.")] = "head",
    data_dir: DataDir = None,
) -> None:
    """Bring the database to the newest schema.

    With LABELAUDIT_APP_DATABASE_URL set, the PostgreSQL role that it names is made and given what
    the service needs: it owns nothing, so row-level security binds it and logs stay as they are.
    """
    from service.accounts import access_log
    from service.db import app_role
    from service.db import migrate as migration
    from service.db.engine import Database

    settings = Settings(**_set({"data_dir": data_dir}))
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
    show.err.print(f"The database is at {revision}.")


def _set(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
