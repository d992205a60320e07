"""What all tables share: ids, timestamps, naming conventions, column types."""

import secrets
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from sqlalchemy import (
    JSON,
    DateTime,
    Double,
    Enum,
    Integer,
    MetaData,
    String,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import BigInteger, TypeDecorator

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


BigInt = BigInteger().with_variant(Integer(), "sqlite")


def new_id(prefix: str) -> str:
    """A random id that sorts by creation time: `ds_0197c2f3a1b2` + 16 random hex digits."""
    return f"{prefix}_{int(time.time() * 1000):012x}{secrets.token_hex(8)}"


def now() -> datetime:
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A timestamp in UTC. SQLite drops the time zone, so it is restored on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def one_of(kind: type[StrEnum], *, name: str | None = None) -> Enum:
    """A text column that holds only the enum's values, checked by the database.

    `name` is the check constraint's, where the enum is called otherwise today.
    """
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=20,
        name=name or kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


class Model(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_ix",
            "uq": "%(table_name)s_%(column_0_N_name)s_uq",
            "ck": "%(table_name)s_%(constraint_name)s_ck",
            "fk": "%(table_name)s_%(column_0_N_name)s_fk",
            "pk": "%(table_name)s_pk",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        dict[str, Any]: Json,
        list[str]: Json,
        list[dict[str, Any]]: Json,
        float: Double(),
    }

    def to_dict(self) -> dict[str, Any]:
        """The columns by name, without deferred ones. `vars` would lack server-side defaults of new
        rows."""
        columns = self.__mapper__.column_attrs
        found = {column.key: getattr(self, column.key) for column in columns if not column.deferred}
        return found | ({"created_by": self.created_by} if isinstance(self, Created) else {})


class Creator(Protocol):
    @property
    def key_id(self) -> str: ...
    @property
    def name(self) -> str: ...


class Created:
    """Who made the row, and when. `created_by_id` is null in rows older than that column."""

    created_by_name: Mapped[str] = mapped_column(String(200))
    created_by_id: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=now)

    @property
    def created_by(self) -> dict[str, str | None]:
        return {"id": self.created_by_id, "name": self.created_by_name}

    @created_by.setter
    def created_by(self, creator: Creator) -> None:
        self.created_by_id, self.created_by_name = creator.key_id, creator.name


class TenantOwned:
    """Rows that belong to one tenant. A caller's session sees only that caller's tenant.

    No foreign key: SQLite cannot add one to a table that holds rows.
    """

    tenant_id: Mapped[str] = mapped_column(String(40), index=True)
