"""A row of every table that belongs to one organisation, and whose a row is."""

from typing import Any

from sqlalchemy import Connection, Row, Table, select
from sqlalchemy.orm import Session

from labelaudit.enums import Goal, Role, Verdict, WebhookEvent
from service import review, uploads
from service.accounts import api_keys, sessions
from service.accounts.principals import principal_of
from service.api import idempotency
from service.core.config import Settings
from service.core.principal import Principal
from service.datasets import members
from service.exports import records as exports
from service.review import (
    NewCorrection,
    SuspectFilter,
    assignments,
    certificates,
    sample_history,
)
from service.webhooks import deliveries
from service.webhooks import records as webhooks
from tests.support.factories import Store, make_audit, make_dataset, sample_id


def make_one_of_each(store: Store, settings: Settings, tenant_id: str) -> set[str]:
    """The ids that the rows name."""
    dataset_id = make_dataset(store, tenant_id=tenant_id)
    audit_id = make_audit(store, dataset_id)
    with store.database.write() as session:
        key, _ = api_keys.create_key(session, name="Ann", role=Role.admin, tenant_id=tenant_id)
        ann = principal_of(key)
    with store.database.write(ann) as session:
        sessions.begin(session, ann, how="key", browser=None)
        members.add_member(session, dataset_id, ann.key_id, principal=ann)
        uploads.reserve(
            session,
            settings,
            filename="a.csv",
            name=None,
            columns=None,
            length=1,
            sha256=None,
            principal=ann,
        )
        export = exports.start_export(
            session, dataset_id, format="csv", dataset_version=None, principal=ann
        )
        _review(session, dataset_id, audit_id, ann)
        with idempotency.once(session, ann, "a key of ours", "print") as answer:
            answer.body = {}
        ranking_id = review.newest_ranking(session, audit_id).id
        webhook, _ = webhooks.create_webhook(
            session,
            url="https://hooks.example.com/",
            events=[WebhookEvent.audit_completed],
            description="",
            hosts=["hooks.example.com"],
            principal=ann,
        )
        deliveries.send_test(session, webhook.id)
    return {tenant_id, dataset_id, audit_id, ranking_id, export.id, ann.key_id}


def _review(session: Session, dataset_id: str, audit_id: str, ann: Principal) -> None:
    assignments.create_assignment(
        session,
        audit_id,
        name="all",
        wanted=SuspectFilter(),
        people=[ann.key_id],
        split=False,
        reserved=False,
        principal=ann,
    )
    certificates.open_certificate(
        session,
        audit_id,
        goal=Goal.suggestion_right,
        level=0.9,
        wanted=SuspectFilter(),
        principal=ann,
    )
    sample_history.add_comment(session, dataset_id, sample_id(2), "blurred", principal=ann)
    review.submit(session, audit_id, [NewCorrection(sample_id(3), Verdict.keep)], principal=ann)
    review.lease_next(
        session, audit_id, principal=ann, wanted=SuspectFilter(), count=1, lease_seconds=60
    )


def rows_by_tenant(
    connection: Connection, table: Table, names: dict[str, set[str]]
) -> dict[str, list[Row[Any]]]:
    """The rows that name something of one organisation."""
    columns = [table.c.tenant_id] if "tenant_id" in table.c else list(table.c)

    def named(row: Row[Any]) -> set[str]:
        found = (getattr(row, column.key) for column in columns)
        return {value for value in found if isinstance(value, str)}

    rows = connection.execute(select(table)).all()
    return {
        tenant_id: [row for row in rows if ours & named(row)] for tenant_id, ours in names.items()
    }
