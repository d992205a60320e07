"""`verify`, `clean`, `backup`, `restore`, `erase`: check, clean up, copy and delete what a service
stores."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy.exc import DBAPIError

from labelaudit import LabelauditError
from service.backends import open_backends
from service.cli import show
from service.cli.options import AsJson, DataDir
from service.core.config import DATABASE, Settings
from service.core.errors import ServiceError
from service.operations.cleanup import clean_up
from service.operations.verify import Report

if TYPE_CHECKING:
    from service.operations.erase import Erasure

SHOWN = 50


def verify(
    quick: Annotated[
        bool, typer.Option("--quick", help="Skip the hashes of uploads and exports.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Check that all stored data is consistent. The exit code is 1 if it is not.

    Reads the database and the files, whether or not a service is running: the chain of corrections,
    samples, rankings, stuck jobs and missing files.
    """
    settings = _settings(data_dir)
    report = verify_stored(settings, contents=not quick)
    if as_json:
        show.as_json({"whole": report.whole, **asdict(report)})
    else:
        _print_report(report)
    if not report.whole:
        raise typer.Exit(1)


def clean(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be deleted.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Delete orphaned files: expired uploads, rejected files, leftovers of killed jobs.

    Encodings and thumbnails beyond LABELAUDIT_ENCODING_CACHE_BYTES go too, those used least
    recently first. A running service does this every ten minutes. Files younger than an hour are
    kept.
    """
    settings = _settings(data_dir)
    backends = open_backends(settings)
    try:
        keys = clean_up(
            backends.database,
            backends.storage,
            backends.upload_bucket,
            dry_run=dry_run,
            cache_bytes=settings.encoding_cache_bytes,
        )
    finally:
        backends.close()
    if keys is None:
        raise LabelauditError("The service is already cleaning up.")
    for key in keys:
        show.out.print(show.plain(key), soft_wrap=True)
    show.err.print(f"{len(keys)} {'would be ' if dry_run else ''}deleted.")


def _settings(data_dir: Path | None) -> Settings:
    settings = Settings(data_dir=data_dir) if data_dir else Settings()
    if settings.embedded and not (settings.data_dir / DATABASE).exists():
        raise LabelauditError(f"{settings.data_dir} is not a data directory of labelaudit.")
    return settings


def backup(
    folder: Annotated[Path, typer.Argument(help="The folder to create.")],
    data_dir: DataDir = None,
) -> None:
    """Back up everything to a new folder, even while the service runs, and verify the copy."""
    from service.operations.backup import BackupFailed, back_up

    try:
        made = back_up(_settings(data_dir), folder.resolve())
    except BackupFailed as error:
        raise LabelauditError(str(error)) from error
    _print_report(made.report)
    show.out.print("Saved the backup to", str(made.folder), soft_wrap=True)


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `labelaudit backup` made.")],
    data_dir: DataDir = None,
) -> None:
    """Restore a backup to a new data directory."""
    from labelaudit.client.session_file import default_data_dir
    from service.operations.backup import BackupFailed
    from service.operations.backup import restore as restore_backup

    target = (data_dir or default_data_dir()).resolve()
    try:
        report = restore_backup(folder, target)
    except BackupFailed as error:
        raise LabelauditError(str(error)) from error
    _print_report(report)
    show.out.print("Restored to", str(target), soft_wrap=True)


def erase(
    dataset_id: Annotated[str, typer.Argument(help="The dataset, `ds_…`.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Delete a dataset for good, and prove it; exit code 1 where a trace of it is left.

    Deletes its rows, its files, and its encodings unless a dataset of the same file needs them.
    Then every table and every file is looked through for its ids, the name of its file and its
    content. The lines of the access log stay, and are listed. Works beside a running service, and
    on the database and the storage themselves. Backups made before still hold the dataset.
    """
    from service.operations import erase as erasing

    settings = _settings(data_dir)
    if not yes:
        typer.confirm(f"Delete {dataset_id} and all that was made from it?", abort=True, err=True)
    backends = open_backends(settings)
    try:
        found = erasing.erase(
            backends.database,
            backends.storage,
            dataset_id,
            bucket=backends.upload_bucket,
            lease_seconds=settings.job_lease_seconds,
        )
    except ServiceError as error:
        raise LabelauditError(error.detail) from error
    finally:
        backends.close()
    if as_json:
        show.as_json({"complete": found.complete, **asdict(found)})
    else:
        _say_erased(found)
    if not found.complete:
        raise typer.Exit(1)


def _say_erased(found: "Erasure") -> None:
    for note in found.notes:
        show.out.print(show.plain(note), soft_wrap=True)
    for line in found.kept:
        show.out.print("Stays, as long as the access log does:", show.plain(line), soft_wrap=True)
    for trace in found.traces:
        show.out.print("[bold red]A trace is left:[/]", show.plain(trace), soft_wrap=True)
    if found.complete:
        show.out.print("Nothing else names it.")


def verify_stored(settings: Settings, *, contents: bool) -> Report:
    from service.operations import verify

    backends = open_backends(settings)
    try:
        return verify.verify(
            backends.database, backends.storage, contents=contents, anchors=backends.anchors
        )
    except DBAPIError as error:
        raise LabelauditError(
            "The database does not have the schema of this version. If it is older, run "
            f"`labelaudit migrate` first. The database reported: {error.orig}"
        ) from error
    finally:
        backends.close()


def _print_report(report: Report) -> None:
    counted = ", ".join(f"{count:,} {name}" for name, count in report.counts.items())
    show.out.print(f"Checked {counted} and their files.")
    for violation in report.violations[:SHOWN]:
        show.out.print(show.error(str(violation)), soft_wrap=True)
    if len(report.violations) > SHOWN:
        show.out.print(f"… and {len(report.violations) - SHOWN} more. Use --json to list all.")
    for path in report.leftovers[:SHOWN]:
        show.out.print("Orphaned file (delete it with `labelaudit clean`):", path, soft_wrap=True)
    if report.whole:
        show.out.print("Everything is consistent.")
    else:
        show.out.print(f"[bold red]{len(report.violations)} inconsistencies found.[/]")
