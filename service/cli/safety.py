"""`verify`: whether everything that is stored holds together."""

from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from service.cli import show
from service.cli.options import AsJson, DataDir
from service.client import ClientError
from service.config import DATABASE, Settings
from service.database import Database
from service.storage import Storage
from service.verify import Report

SHOWN = 50


def verify(
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not read uploads and exports in full.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Check that everything stored holds together; exit code 1 where something does not.

    Reads the database and the files themselves, beside a running service or without one: the chain
    of corrections, samples and rankings, jobs that would never end, files that are missing.
    """
    settings = Settings(data_dir=data_dir) if data_dir else Settings()
    if settings.embedded and not (settings.data_dir / DATABASE).exists():
        raise ClientError(f"There is no service's data in {settings.data_dir}.")
    report = verify_stored(settings, contents=not quick)
    if as_json:
        show.as_json({"whole": report.whole, **asdict(report)})
    else:
        _say(report)
    if not report.whole:
        raise typer.Exit(1)


def verify_stored(settings: Settings, *, contents: bool) -> Report:
    from service import verify

    database = Database(settings.resolved_database_url)
    try:
        return verify.verify(database, Storage(settings.resolved_storage_dir), contents=contents)
    except DBAPIError as error:
        raise ClientError(
            "The database cannot be read as this version writes it. If it is older, run "
            f"`labelaudit migrate` first. It said: {error.orig}"
        ) from error
    finally:
        database.dispose()


def _say(report: Report) -> None:
    counted = ", ".join(f"{count:,} {name}" for name, count in report.counts.items())
    show.out.print(f"Checked {counted}, and their files.")
    for violation in report.violations[:SHOWN]:
        show.out.print(show.plain_lines(str(violation)), soft_wrap=True)
    if len(report.violations) > SHOWN:
        show.out.print(f"… and {len(report.violations) - SHOWN} more; --json lists all.")
    for path in report.leftovers[:SHOWN]:
        show.out.print("Belongs to nothing and may be removed:", path, soft_wrap=True)
    if report.whole:
        show.out.print("Everything holds together.")
    else:
        show.out.print(f"[bold red]{len(report.violations)} things do not hold together.[/]")
