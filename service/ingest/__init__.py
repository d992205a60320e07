"""Reads an uploaded file of unknown format and writes canonical samples. See docs/formats.md."""

from service.core.sandbox import Confinement
from service.ingest.confined import Allowance, ingest_confined, probe
from service.ingest.origin import Origin, read_origin
from service.ingest.pipeline import ingest
from service.ingest.report import (
    ColumnRoles,
    Columns,
    ContentKind,
    IngestReport,
    Limits,
    SeenColumn,
)

__all__ = [
    "Allowance",
    "ColumnRoles",
    "Columns",
    "Confinement",
    "ContentKind",
    "IngestReport",
    "Limits",
    "Origin",
    "SeenColumn",
    "ingest",
    "ingest_confined",
    "probe",
    "read_origin",
]
