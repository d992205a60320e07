"""The request that starts an audit."""

from pydantic import Field

from labelaudit.schemas.base import Words
from service.options.training import TrainingConfig


class AuditCreate(TrainingConfig):
    """How to audit. An empty object is a good answer."""

    encoder: Words | None = Field(
        default="auto",
        max_length=300,
        description="`auto`, a name from `GET /v1/encoders`, or null to train a network on the "
        "images themselves.",
    )
    dataset_version: int | None = Field(
        default=None, ge=0, description="If omitted: the newest version."
    )
