"""/v1/audits/{id}/certificates: judge a few samples blind, then fix the rest at once."""

from typing import Annotated, Any

from fastapi import Body, Response

from labelaudit.schemas import (
    CertificateApply,
    CertificateCreate,
    CertificateNext,
    CertificateRead,
    CertificateSamples,
    Page,
)
from service.api import presenters
from service.api.dependencies import (
    Annotator,
    Auditor,
    Reader,
    ReadSession,
    SettingsDep,
    StorageDep,
    WriteSession,
)
from service.api.document import documented
from service.api.pages import Cursor, Limit, slice_of
from service.api.routing import TransactionRouter
from service.audits import records as audits
from service.db.tables import Dataset
from service.review import SuspectFilter, certificates, certified_fixes

router = TransactionRouter(
    prefix="/v1/audits/{audit_id}/certificates", tags=["review"], responses=documented(409)
)


@router.post("", status_code=201, response_model=CertificateRead)
def open_certificate(
    session: WriteSession,
    response: Response,
    caller: Auditor,
    audit_id: str,
    options: Annotated[CertificateCreate | None, Body()] = None,
) -> dict[str, Any]:
    """Open a certificate for a part of the first ranking: all of it, tiers, a class pair or an
    issue. Returns the certificate that is open for the same part, if there is one."""
    options = options or CertificateCreate()
    dataset = _dataset(session, audit_id)
    given, predicted = presenters.label_pair(dataset, options)
    state = certificates.open_certificate(
        session,
        audit_id,
        goal=options.goal,
        level=options.level,
        wanted=SuspectFilter(options.tier, given, predicted, issue=options.issue),
        principal=caller,
    )
    response.headers["Location"] = f"/v1/audits/{audit_id}/certificates/{state.certificate.id}"
    return _certificate(state, dataset)


@router.get("", response_model=Page[CertificateRead])
def list_certificates(
    session: ReadSession, caller: Reader, audit_id: str, cursor: Cursor = None, limit: Limit = 100
) -> Any:
    """List the audit's certificates, oldest first."""
    dataset = _dataset(session, audit_id)
    found = certificates.list_certificates(session, audit_id)
    return slice_of([_certificate(state, dataset) for state in found], cursor, limit)


@router.get("/{certificate_id}", response_model=CertificateRead)
def read_certificate(
    session: ReadSession, caller: Reader, audit_id: str, certificate_id: str
) -> dict[str, Any]:
    """The current promises of a certificate. Read it after any verdict: the promises hold at every
    moment."""
    state = certificates.read_certificate(session, audit_id, certificate_id)
    return _certificate(state, _dataset(session, audit_id))


@router.post("/{certificate_id}/next", response_model=CertificateSamples)
def next_to_judge(
    session: WriteSession,
    storage: StorageDep,
    settings: SettingsDep,
    caller: Annotator,
    audit_id: str,
    certificate_id: str,
    options: Annotated[CertificateNext | None, Body()] = None,
) -> dict[str, Any]:
    """Lease the next samples to judge, shown without rank, tier, suggestion or anybody's verdict.
    Submit the verdict to `/v1/audits/{audit_id}/corrections` with the lease."""
    seconds = settings.review_lease_seconds
    leased = certificates.lease_next(
        session,
        audit_id,
        certificate_id,
        principal=caller,
        count=(options or CertificateNext()).count,
        lease_seconds=seconds,
    )
    dataset = _dataset(session, audit_id)
    return {
        "items": [
            presenters.blind(storage, dataset, one.suspect)
            | {"lease": {"lease_id": one.lease_id, "expires_in_seconds": seconds}}
            for one in leased
        ]
    }


@router.post("/{certificate_id}/apply", response_model=CertificateRead)
def apply_certificate(
    session: WriteSession,
    caller: Auditor,
    audit_id: str,
    certificate_id: str,
    options: CertificateApply,
) -> dict[str, Any]:
    """Fix the certified samples that nobody has judged, as one batch of corrections that name the
    certificate. Samples that somebody holds are left out. A repeated request changes nothing.
    Revert the batch to undo all of it."""
    state = certified_fixes.apply(
        session, audit_id, certificate_id, level=options.level, principal=caller
    )
    return _certificate(state, _dataset(session, audit_id))


def _dataset(session: ReadSession, audit_id: str) -> Dataset:
    return audits.dataset_of(session, audits.get_audit(session, audit_id))


def _certificate(state: certificates.CertificateState, dataset: Dataset) -> dict[str, Any]:
    row = state.certificate
    given, predicted = row.given_label, row.predicted_label
    return {
        **row.to_dict(),
        **vars(state),
        "tier": row.tiers,
        "created_by": {"id": row.key_id, "name": row.created_by},
        "given_label": None if given is None else dataset.class_names[given],
        "predicted_label": None if predicted is None else dataset.class_names[predicted],
    }
