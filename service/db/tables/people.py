"""Leases, assignments and comments."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables.base import BigInt, Created, Model, now


class Lease(Model):
    """One person holds one sample for a while; at most one lease per missing opinion."""

    __tablename__ = "lease"

    dataset_id: Mapped[str] = mapped_column(
        ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    holder: Mapped[str] = mapped_column(String(16), primary_key=True)  # key id
    holder_name: Mapped[str] = mapped_column(String(200))
    id: Mapped[str] = mapped_column(String(40))
    until: Mapped[float]
    control: Mapped[bool] = mapped_column(default=False, server_default=false())

    __table_args__ = (UniqueConstraint("id"),)


class Assignment(Created, Model):
    """A part of an audit's queue that is assigned to certain people."""

    __tablename__ = "assignment"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    audit_id: Mapped[str] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    tiers: Mapped[list[str]]
    given_label: Mapped[int | None]
    predicted_label: Mapped[int | None]
    people: Mapped[list[dict[str, Any]]]  # key_id and name, in the order of their shares
    split: Mapped[bool] = mapped_column(default=False, server_default=false())
    reserved: Mapped[bool] = mapped_column(default=False, server_default=false())
    closed_at: Mapped[datetime | None]


class Comment(Model):
    """A comment on a sample. Append-only."""

    __tablename__ = "comment"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    audit_id: Mapped[str] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), index=True)
    position: Mapped[int] = mapped_column(BigInt)
    sample_id: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(200))
    key_id: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index(None, "dataset_id", "position"),)
