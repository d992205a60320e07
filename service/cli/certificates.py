"""`certificate …`: judge a few samples blind, then fix the rest at once."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from labelaudit.client.audit import Audit
from labelaudit.enums import Goal, Issue, Verdict
from labelaudit.schemas import CertificateLevel, CertificateRead
from labelaudit.schemas.review import Control
from service.cli import show
from service.cli.options import (
    AsJson,
    AuditId,
    DataDir,
    GivenLabel,
    PredictedLabel,
    Tiers,
    Url,
    connect,
)

app = typer.Typer(
    help="Judge a few samples without the models' opinion, then fix the rest at once.",
    no_args_is_help=True,
)
CertificateId = Annotated[str, typer.Argument(help="The certificate's id.")]


@contextmanager
def _audit(audit_id: str, data_dir: Path | None, url: str | None) -> Generator[Audit]:
    with connect(data_dir, url) as client:
        yield client.get_audit(audit_id)


@app.command("open")
def open_(
    audit_id: AuditId,
    goal: Annotated[
        Goal, typer.Option(help="The property that is promised of the samples.")
    ] = Goal.suggestion_right,
    level: Annotated[
        float, typer.Option(help="The share of right samples to aim at: .8, .9 or .95.")
    ] = 0.9,
    tier: Tiers = None,
    given_label: GivenLabel = None,
    predicted_label: PredictedLabel = None,
    issue: Annotated[Issue | None, typer.Option(help="Only samples with this issue.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Open a certificate for a part of the ranking, or show the one that is open for it."""
    with _audit(audit_id, data_dir, url) as audit:
        opened = audit.certificates().open(
            goal,
            level=level,
            tier=tier,
            given_label=given_label,
            predicted_label=predicted_label,
            issue=issue,
        )
        found = opened.read()
    _print(found, as_json=as_json)


@app.command("list")
def list_(
    audit_id: AuditId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """List the audit's certificates and how much each has certified."""
    with _audit(audit_id, data_dir, url) as audit:
        found = audit.certificates().list()
    if as_json:
        show.all_as_json(found)
        return
    show.rows(
        ("id", "goal", "aims at", "judged", *_levels(found), "applied"),
        (
            (
                one.id,
                one.goal,
                show.percent(one.level),
                f"{one.judged:,}",
                *(f"{promise.size - promise.wrong:,}" for promise in one.promises),
                f"{one.applied:,}",
            )
            for one in found
        ),
    )


def _levels(found: list[CertificateRead]) -> tuple[str, ...]:
    promises = found[0].promises if found else []
    return tuple(f"at {promise.level:.0%}" for promise in promises)


@app.command("show")
def show_(
    audit_id: AuditId,
    certificate_id: CertificateId,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Show what a certificate promises now."""
    with _audit(audit_id, data_dir, url) as audit:
        found = audit.certificates().get(certificate_id).read()
    _print(found, as_json=as_json)


@app.command()
def judge(
    audit_id: AuditId,
    certificate_id: CertificateId,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Judge one sample after another until you give no answer.

    Answer `keep`, `exclude`, `skip` or the correct label.
    """
    with _audit(audit_id, data_dir, url) as audit:
        certificate = audit.certificates().get(certificate_id)
        while items := certificate.next_to_judge():
            answer = _ask(items[0])
            if not answer:
                break
            plain = answer in (Verdict.keep, Verdict.exclude, Verdict.skip)
            audit.correct(
                items[0].sample_id,
                answer if plain else Verdict.relabel,
                None if plain else answer,
                lease_id=items[0].lease.lease_id,
            )
        found = certificate.read()
    _print(found, as_json=False)


def _ask(sample: Control) -> str:
    content = ", ".join(f"{name}: {value}" for name, value in sample.content.items())
    show.out.print(show.plain(f"\n{sample.sample_id}, labeled {sample.given_label}", "bold"))
    show.out.print(show.plain(content or sample.media_url or ""))
    answer: str = typer.prompt("keep, exclude, skip or a label", default="", show_default=False)
    return answer.strip()


@app.command()
def apply(
    audit_id: AuditId,
    certificate_id: CertificateId,
    level: Annotated[float, typer.Option(help="Fix what is certified at .8, .9 or .95.")],
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Fix the certified samples that nobody has judged, as one batch."""
    with _audit(audit_id, data_dir, url) as audit:
        found = audit.certificates().get(certificate_id).apply(level)
    _print(found, as_json=as_json)


@app.command()
def revert(
    audit_id: AuditId, certificate_id: CertificateId, url: Url = None, data_dir: DataDir = None
) -> None:
    """Revert everything that a certificate fixed; the log keeps both."""
    with _audit(audit_id, data_dir, url) as audit:
        found = audit.certificates().get(certificate_id).revert()
    show.out.print(show.plain(f"{found.reverted} reverted; revert {found.id} to restore them"))


def _print(found: CertificateRead, *, as_json: bool) -> None:
    if as_json:
        show.as_json(found.model_dump(mode="json"))
        return
    show.out.print(show.plain(f"{found.id}: {found.judged:,} judged, {found.right:,} right"))
    for promise in found.promises:
        show.out.print(show.plain(f"  at {promise.level:.0%}: {_promise(promise)}"))
    if found.batch_id:
        show.out.print(show.plain(f"  applied: {found.applied:,}, batch {found.batch_id}"))


def _promise(one: CertificateLevel) -> str:
    if not one.size:
        return "nothing yet"
    return (
        f"{one.size - one.wrong:,} samples, at least {one.right_at_least:,} of them right; "
        f"{one.right:,} are judged, {one.unjudged:,} can be fixed at once"
    )
