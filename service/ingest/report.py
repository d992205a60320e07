"""The inputs and outputs of `ingest`: limits, column roles, the report."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

ContentKind = Literal["image", "text", "table", "vector", "probabilities"]
FeatureType = Literal["numeric", "categorical"]


@dataclass(frozen=True)
class Limits:
    """The limits for one upload. Sizes are in bytes."""

    archive_entries: int = 200_000
    archive_unpacked: int = 200 << 30
    archive_ratio: float = 100.0
    archive_ratio_floor: int = 16 << 20  # small files may compress as well as they like
    archive_member: int = 256 << 20  # one image
    bad_image_share: float = 0.05
    bad_images: int = 3  # may always be bad, however few there are
    rows: int = 50_000_000
    columns: int = 10_000
    field: int = 1 << 20
    unpacked_table: int = 200 << 30
    dimensions: int = 65_536
    classes: int = 10_000
    smallest_dataset: int = 10  # labeled samples
    smallest_class: int = 1
    missing_labels: Literal["report", "refuse"] = "report"


@dataclass(frozen=True)
class ColumnRoles:
    """The roles of an upload's columns. Omitted roles are detected.

    A role given here is never changed; `features`, if given, are exactly the features.
    `ignored` columns are treated as if they were not in the file.
    """

    sample_id: str | None = None
    label: str | None = None
    text: str | None = None
    file: str | None = None
    embedding: str | None = None
    pred_probs: str | None = None
    features: tuple[str, ...] | None = None
    ignored: tuple[str, ...] = ()

    def named(self) -> list[str]:
        """Every column the caller named."""
        single = (self.sample_id, self.label, self.text, self.file, self.embedding, self.pred_probs)
        names = [name for name in single if name is not None]
        return names + list(self.features or ()) + list(self.ignored)


@dataclass(frozen=True)
class Columns:
    """The roles as understood. None where the file brings no such column."""

    sample_id: str | None = None
    label: str | None = None
    text: str | None = None
    file: str | None = None
    embedding: str | None = None
    pred_probs: str | None = None
    split: str | None = None
    features: Mapping[str, FeatureType] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    votes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SeenColumn:
    """A column of the upload before any role is decided, for people who correct the roles."""

    name: str
    type: str  # text, number, integer, list or, where no role can take it, the file's own name
    missing: int
    examples: list[str]


@dataclass(frozen=True)
class IngestReport:
    """What was read. `class_counts` follows `class_names`; `sample_count` counts all samples."""

    kind: ContentKind
    format: str
    sample_count: int
    labeled_count: int
    class_names: list[str]
    class_counts: list[int]
    columns: Columns
    warnings: list[str]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON types."""
        return asdict(self)
