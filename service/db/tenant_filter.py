"""Which rows a caller's session sees: those of their tenant, and of the datasets shared with them.
A key for one dataset sees that one and nothing of the others.

A session opened for a caller adds the condition to every ORM statement, so no query can forget it.
Tables without a `tenant_id` belong to a dataset or an audit, and are reached through it. On
PostgreSQL the session also sets its tenant in the database, where row-level security is the second
line of defence (`migrations/versions/0007_access.py`).
"""

from functools import cache, lru_cache
from typing import Any, NamedTuple

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
from sqlalchemy.sql.selectable import NamedFromClause

from service.core.principal import Principal
from service.db.statements import CACHED
from service.db.tables import (
    Audit,
    Dataset,
    Export,
    Membership,
    TenantOwned,
    Upload,
)

Value = str | BindParameter[str]

CALLER, VISIBLE = "caller", "visible"
WRITERS = 64  # whose criteria are kept for their updates and deletes; to make them anew takes .7 ms


class Visible(NamedTuple):
    """What a caller sees: their tenant; of it the datasets of a member, given by the id of their
    key, or a single dataset."""

    tenant: Value
    member: Value | None = None
    only: Value | None = None


_NAMES = tuple(f"visible_{field}" for field in Visible._fields)
_TENANT, _MEMBER, _ONLY = (bindparam(name, type_=String) for name in _NAMES)
GUC = "labelaudit.tenant"
KEEPS_TENANT = "keeps_tenant"  # marks autocommit connections on which only callers read
_SET_TENANT = text(f"SELECT set_config('{GUC}', :tenant, :local)")
# The default of our connections, for sessions without a caller. Without it no row is visible.
FOR_EVERY_TENANT = f"-c {GUC}=*"


def info(caller: Principal | None) -> dict[Any, Any]:
    """The `Session.info` that restricts a session to what the caller may see."""
    if caller is None:
        return {}
    member = None if caller.sees_all or caller.dataset_id else caller.key_id
    return {CALLER: caller, VISIBLE: Visible(caller.tenant_id, member, caller.dataset_id)}


def caller_of(session: Session) -> Principal | None:
    """The caller the session was opened for; None for the service itself and its workers."""
    found: Principal | None = session.info.get(CALLER)
    return found


@lru_cache(WRITERS)
def _criteria(visible_to: Visible) -> list[LoaderCriteriaOption]:
    tenant_id, member, only = visible_to
    conditions: dict[type[TenantOwned], list[ColumnElement[bool]]] = {
        table: [table.tenant_id == tenant_id] for table in TenantOwned.__subclasses__()
    }
    if only is not None:
        conditions[Dataset].append(Dataset.id == only)
        for table in (Audit, Export, Membership, Upload):
            conditions[table].append(table.dataset_id == only)
    elif member is not None:
        visible = _visible_datasets(tenant_id, member)
        conditions[Dataset].append(Dataset.id.in_(visible))
        conditions[Audit].append(Audit.dataset_id.in_(visible))
        conditions[Export].append(Export.dataset_id.in_(visible))
    return [with_loader_criteria(table, and_(*all_of)) for table, all_of in conditions.items()]


def _visible_datasets(tenant_id: Value, key_id: Value) -> Select[str]:
    """Ids of the tenant's shared datasets and of those the caller is a member of. Uses aliased
    core tables, so that neither the criteria above nor an outer query apply to them."""
    one, mine = _visible_tables()
    members = select(mine.c.dataset_id).where(mine.c.key_id == key_id)
    return select(one.c.id).where(
        one.c.tenant_id == tenant_id, or_(one.c.shared, one.c.id.in_(members))
    )


@cache
def _visible_tables() -> tuple[NamedFromClause, NamedFromClause]:
    """Their columns would be most of what the criteria of each writer hold."""
    dataset, membership = inspect(Dataset).local_table, inspect(Membership).local_table
    return dataset.alias("visible"), membership.alias("mine")


@event.listens_for(Session, "do_orm_execute")
def _add_tenant_criteria(state: ORMExecuteState) -> None:
    visible: Visible | None = state.session.info.get(VISIBLE)
    reads_rows = state.is_select and not state.is_column_load and not state.is_relationship_load
    if visible and reads_rows:
        # Parameters, so that all callers of a kind share the criteria and the compiled statement.
        kind = Visible(_TENANT, visible.member and _MEMBER, visible.only and _ONLY)
        cached = state.execution_options.get(CACHED)
        state.statement = (_with_criteria if cached else _add_criteria)(state.statement, kind)
        given: Any = state.parameters or {}
        state.parameters = {**given, **dict(zip(_NAMES, visible, strict=True))}
    elif visible and (state.is_update or state.is_delete):  # they refuse names that they do not use
        state.statement = _add_criteria(state.statement, visible)


def _add_criteria(statement: Executable, visible_to: Visible) -> Executable:
    return statement.options(*_criteria(visible_to))


@lru_cache(1024)
def _with_criteria(statement: Executable, visible_to: Visible) -> Executable:
    """A cached statement with the tenant criteria, whose values are parameters."""
    return _add_criteria(statement, visible_to)


@event.listens_for(Session, "after_begin")
def _set_tenant(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    """Set the tenant for PostgreSQL's row-level security: for this transaction, or in autocommit
    mode until the connection serves another tenant."""
    caller = caller_of(session)
    if caller is None or connection.dialect.name != "postgresql":
        return
    if not connection.get_execution_options().get(KEEPS_TENANT):
        connection.execute(_SET_TENANT, {"tenant": caller.tenant_id, "local": True})
    elif connection.info.get(GUC) != caller.tenant_id:
        connection.info.pop(GUC, None)
        connection.execute(_SET_TENANT, {"tenant": caller.tenant_id, "local": False})
        connection.info[GUC] = caller.tenant_id
