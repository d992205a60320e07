"""`correct` and `revert`: record a verdict on a sample, and take it back."""

from typing import Annotated

import typer

from labelaudit.enums import Verdict
from service.cli import show
from service.cli.options import AuditId, DataDir, Url, connect


def correct(
    audit_id: AuditId,
    sample_id: Annotated[str, typer.Argument(help="The sample id.")],
    verdict: Annotated[Verdict, typer.Argument(help="Your verdict.")],
    label: Annotated[str | None, typer.Argument(help="The correct label, for `relabel`.")] = None,
    supersedes: Annotated[
        str | None, typer.Option(help="The id of the correction to replace.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="The reason, for later readers.")] = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Record a verdict on a sample: keep, accept_suggestion, relabel LABEL, exclude or skip."""
    if (verdict is Verdict.relabel) != (label is not None):
        raise typer.BadParameter("Give LABEL with the verdict `relabel`, and only then.")
    with connect(data_dir, url) as client:
        correction = client.get_audit(audit_id).correct(
            sample_id, verdict, label, supersedes=supersedes, note=note
        )
    show.out.print(
        show.plain(f"{correction.id}: {sample_id} {correction.given_label} -> "),
        show.plain(correction.corrected_label or verdict, "bold"),
        sep="",
    )


def revert(
    audit_id: AuditId,
    correction_id: Annotated[str, typer.Argument(help="The correction id.")],
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Revert a correction. The log keeps both."""
    with connect(data_dir, url) as client:
        reverted = client.get_audit(audit_id).revert(correction_id)
    show.out.print(show.plain(f"{correction_id} reverted; batch {reverted.id} restores it"))
