"""`verify`, `clean`, `backup`, `restore`: is what is stored whole, and copies of it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from labelaudit import LabelauditError
from service.backends import open_backends
from service.cli import show
from service.cli.options import AsJson, DataDir
from service.core.config import DATABASE, Settings
from service.operations.cleanup import tidy
from service.operations.verify import Report

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
    settings = _settings(data_dir)
    report = verify_stored(settings, contents=not quick)
    if as_json:
        show.as_json({"whole": report.whole, **asdict(report)})
    else:
        _say(report)
    if not report.whole:
        raise typer.Exit(1)


def clean(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be deleted.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Delete what belongs to nothing: expired uploads, refused files, leftovers of killed jobs.

    The running service does the same every ten minutes. Nothing younger than an hour is touched.
    """
    settings = _settings(data_dir)
    backends = open_backends(settings)
    try:
        keys = tidy(backends.database, backends.storage, backends.upload_bucket, dry_run=dry_run)
    finally:
        backends.close()
    if keys is None:
        raise LabelauditError("The service is cleaning up at this moment.")
    for key in keys:
        show.out.print(show.plain(key), soft_wrap=True)
    show.err.print(f"{len(keys)} {'would be ' if dry_run else ''}deleted.")


def _settings(data_dir: Path | None) -> Settings:
    settings = Settings(data_dir=data_dir) if data_dir else Settings()
    if settings.embedded and not (settings.data_dir / DATABASE).exists():
        raise LabelauditError(f"There is no service's data in {settings.data_dir}.")
    return settings


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    data_dir: DataDir = None,
) -> None:
    """Copy everything into a folder, while the service runs, and verify the copy."""
    from service.operations.backup import BackupFailed, back_up

    try:
        made = back_up(_settings(data_dir), folder.resolve())
    except BackupFailed as error:
        raise LabelauditError(str(error)) from error
    _say(made.report)
    show.out.print("The backup is in", str(made.folder), soft_wrap=True)


def restore(
    folder: Annotated[Path, typer.Argument(help="What `labelaudit backup` made.")],
    data_dir: DataDir = None,
) -> None:
    """Make a data directory from a backup; `labelaudit serve` then finds it there."""
    from labelaudit.client.session_file import default_data_dir
    from service.operations.backup import BackupFailed
    from service.operations.backup import restore as restore_backup

    target = (data_dir or default_data_dir()).resolve()
    try:
        report = restore_backup(folder, target)
    except BackupFailed as error:
        raise LabelauditError(str(error)) from error
    _say(report)
    show.out.print("Restored into", str(target), soft_wrap=True)


def verify_stored(settings: Settings, *, contents: bool) -> Report:
    from service.operations import verify

    backends = open_backends(settings)
    try:
        return verify.verify(backends.database, backends.storage, contents=contents)
    except DBAPIError as error:
        raise LabelauditError(
            "The database cannot be read as this version writes it. If it is older, run "
            f"`labelaudit migrate` first. It said: {error.orig}"
        ) from error
    finally:
        backends.close()


def _say(report: Report) -> None:
    counted = ", ".join(f"{count:,} {name}" for name, count in report.counts.items())
    show.out.print(f"Checked {counted}, and their files.")
    for violation in report.violations[:SHOWN]:
        show.out.print(show.plain_lines(str(violation)), soft_wrap=True)
    if len(report.violations) > SHOWN:
        show.out.print(f"… and {len(report.violations) - SHOWN} more; --json lists all.")
    for path in report.leftovers[:SHOWN]:
        show.out.print("Belongs to nothing (labelaudit clean removes it):", path, soft_wrap=True)
    if report.whole:
        show.out.print("Everything holds together.")
    else:
        show.out.print(f"[bold red]{len(report.violations)} things do not hold together.[/]")
