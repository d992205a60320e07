"""What the writers of exports allow."""

from service.ingest.report import Limits

# The upload passed the limits when it was ingested, whatever they were then.
PASSED = Limits(
    archive_entries=2**32,
    archive_unpacked=2**62,
    archive_ratio=2**32,
    rows=2**62,
    columns=2**31,
    unpacked_table=2**62,
    classes=2**31,
)
PROGRESS_INTERVAL = 1024  # rows
