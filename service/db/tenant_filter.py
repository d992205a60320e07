"""Which rows a caller's session sees: those of their tenant, and of the datasets shared with them.

A session opened for a caller adds the condition to every ORM statement, whoever wrote it, so a
query cannot forget it. Tables without a `tenant_id` hang on a dataset or an audit, and are reached
through it. On PostgreSQL the same session names its tenant to the database, whose row-level
security is the second net (`migrations/versions/0007_access.py`).
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    String,
    and_,
    bindparam,
    event,
    inspect,
    or_,
    select,
    text,
)
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction, with_loader_criteria
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql.base import Executable

from service.core.principal import Principal
from service.db.statements import PREPARED
from service.db.tables import (
    Audit,
    Dataset,
    Export,
    Membership,
    Owned,
)

Value = str | BindParameter[str]

CALLER, SEES = "caller", "sees"
_TENANT: BindParameter[str] = bindparam("tenant", type_=String)
_MEMBER: BindParameter[str] = bindparam("member", type_=String)
GUC = "labelaudit.tenant"
KEEPS_TENANT = "keeps_tenant"  # of connections on which only callers read, each query by itself
_NAME = text(f"SELECT set_config('{GUC}', :tenant, :once)")
# What a connection says of itself before any caller is known. One that says nothing sees no row.
FOR_EVERY_TENANT = f"-c {GUC}=*"


def info(caller: Principal | None) -> dict[Any, Any]:
    """What a session must carry to show no more than the caller may see."""
    if caller is None:
        return {}
    member = None if caller.sees_all else caller.key_id
    return {CALLER: caller, SEES: (caller.tenant_id, member)}


def caller_of(session: Session) -> Principal | None:
    """Who opened the session; None for the service itself and its workers."""
    found: Principal | None = session.info.get(CALLER)
    return found


@lru_cache(1024)
def _criteria(tenant_id: Value, member: Value | None) -> list[LoaderCriteriaOption]:
    """For whoever sees all of a tenant, or for a member, by the id of their key."""
    conditions: dict[type[Owned], list[ColumnElement[bool]]] = {
        table: [table.tenant_id == tenant_id] for table in Owned.__subclasses__()
    }
    if member is not None:
        shown = _shown_to(tenant_id, member)
        conditions[Dataset].append(Dataset.id.in_(shown))
        conditions[Audit].append(Audit.dataset_id.in_(shown))
        conditions[Export].append(Export.dataset_id.in_(shown))
    return [with_loader_criteria(table, and_(*all_of)) for table, all_of in conditions.items()]


def _shown_to(tenant_id: Value, key_id: Value) -> Select[str]:
    """Ids of the tenant's shared datasets and of those the caller is a member of. Plain tables
    under names of their own: neither the conditions above nor an outer query may touch them."""
    dataset, membership = inspect(Dataset).local_table, inspect(Membership).local_table
    one, mine = dataset.alias("shown"), membership.alias("mine")
    members = select(mine.c.dataset_id).where(mine.c.key_id == key_id)
    return select(one.c.id).where(
        one.c.tenant_id == tenant_id, or_(one.c.shared, one.c.id.in_(members))
    )


@event.listens_for(Session, "do_orm_execute")
def _show_only_visible(state: ORMExecuteState) -> None:
    sees = state.session.info.get(SEES)
    reads_rows = state.is_select and not state.is_column_load and not state.is_relationship_load
    if not sees or not (reads_rows or state.is_update or state.is_delete):
        return
    tenant_id, member = sees
    if state.execution_options.get(PREPARED):
        state.statement = _narrowed_once(state.statement, member is not None)
        given: Any = state.parameters or {}
        state.parameters = {**given, "tenant": tenant_id, "member": member}
    else:
        state.statement = state.statement.options(*_criteria(tenant_id, member))


@lru_cache(1024)
def _narrowed_once(statement: Executable, for_member: bool) -> Executable:
    """A statement that is kept, with the caller's conditions, whose values come as parameters."""
    return statement.options(*_criteria(_TENANT, _MEMBER if for_member else None))


@event.listens_for(Session, "after_begin")
def _name_tenant(
    session: Session, _transaction: SessionTransaction, connection: Connection
) -> None:
    """Tell PostgreSQL for whom it is asked: for the transaction, or where there is none until the
    connection is used for another tenant."""
    caller = caller_of(session)
    if caller is None or connection.dialect.name != "postgresql":
        return
    if not connection.get_execution_options().get(KEEPS_TENANT):
        connection.execute(_NAME, {"tenant": caller.tenant_id, "once": True})
    elif connection.info.get(GUC) != caller.tenant_id:
        connection.info.pop(GUC, None)
        connection.execute(_NAME, {"tenant": caller.tenant_id, "once": False})
        connection.info[GUC] = caller.tenant_id
