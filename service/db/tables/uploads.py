"""Uploads that are under way, and what became of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables.base import (
    BigInt,
    Created,
    Model,
    TenantOwned,
)


class Upload(Created, TenantOwned, Model):
    """Bytes on their way: a reservation while they come, for a day the memory of what they became.

    How many have arrived is not here: the file itself tells, and cannot disagree with itself. Of a
    multipart upload, which has parts of `part_bytes`, the bucket tells.
    """

    __tablename__ = "upload"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(String(40))  # the dataset that it will become
    key_id: Mapped[str] = mapped_column(String(16), index=True)
    name: Mapped[str] = mapped_column(String(200))
    filename: Mapped[str] = mapped_column(String(400))
    columns: Mapped[dict[str, Any] | None]
    length: Mapped[int | None] = mapped_column(BigInt)  # null: a body sent without saying
    sha256: Mapped[str | None] = mapped_column(String(64))
    part_bytes: Mapped[int | None] = mapped_column(BigInt)
    multipart_id: Mapped[str | None] = mapped_column(Text)  # what the bucket calls it
    problem: Mapped[dict[str, Any] | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    completed_at: Mapped[datetime | None]
