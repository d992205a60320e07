"""Deletes an organisation with all that belongs to it; the access log stays."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from labelaudit.enums import TenantStatus
from service import uploads
from service.accounts import access_log
from service.accounts.tenants import get_tenant
from service.core.errors import Conflict
from service.core.principal import DEFAULT_TENANT, Principal
from service.datasets import deletion
from service.datasets import records as datasets
from service.datasets.deletion import Deleted
from service.db.tables import ApiKey, Dataset, Idempotency, Tenant, Upload, Webhook


def delete_tenant(session: Session, tenant_id: str, *, by: Principal | None = None) -> Deleted:
    """Delete a suspended organisation: its datasets, uploads, webhooks, keys, sessions and
    memberships.
    Pass the answer to `deletion.delete_files` after the commit.

    Raises
    ------
    Conflict
        It is not suspended, so that somebody may be working in it; or it is the default one.
    """
    tenant = get_tenant(session, tenant_id, lock=True)
    _require_deletable(tenant)
    dataset_ids = session.scalars(select(Dataset.id).where(Dataset.tenant_id == tenant_id)).all()
    gone = [deletion.delete_dataset(session, dataset_id, by=by) for dataset_id in dataset_ids]
    session.flush()
    storage_keys = [key for one in gone for key in one.keys]
    storage_keys += _delete_uploads(session, tenant_id)
    session.execute(delete(Webhook).where(Webhook.tenant_id == tenant_id))
    keys = _delete_keys(session, tenant_id)
    access_log.record(
        session,
        "tenant.delete",
        tenant_id,
        by=by,
        name=tenant.name,
        datasets=len(dataset_ids),
        keys=keys,
    )
    session.delete(tenant)
    return Deleted(storage_keys, [key for one in gone for key in one.encodings])


def _require_deletable(tenant: Tenant) -> None:
    if tenant.id == DEFAULT_TENANT:
        raise Conflict("The default organisation belongs to the service and cannot be deleted.")
    if tenant.status is not TenantStatus.suspended:
        raise Conflict(
            "Suspend the organisation first: somebody may be working in it.",
            type="organisation-active",
        )


def _delete_uploads(session: Session, tenant_id: str) -> list[str]:
    """Delete what is on its way; what lies in a bucket, the cleanup finds."""
    found = session.scalars(select(Upload).where(Upload.tenant_id == tenant_id)).all()
    for upload in found:
        session.delete(upload)
    folders = [datasets.folder(upload.dataset_id) for upload in found]
    return folders + [uploads.part_key(upload.id) for upload in found]


def _delete_keys(session: Session, tenant_id: str) -> int:
    """Delete its keys and people, and with them their sessions and memberships; how many."""
    keys = select(ApiKey.id).where(ApiKey.tenant_id == tenant_id)
    key_ids = session.scalars(keys).all()
    session.execute(delete(Idempotency).where(Idempotency.key_id.in_(keys)))
    session.execute(delete(ApiKey).where(ApiKey.tenant_id == tenant_id))
    return len(key_ids)
