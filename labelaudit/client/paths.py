"""The URL paths of datasets and audits."""

from urllib.parse import quote


def segment(value: str) -> str:
    """An id as one segment of a path, whatever characters it holds."""
    return quote(value, safe="")


def dataset_path(dataset_id: str) -> str:
    return f"/v1/datasets/{segment(dataset_id)}"


def audit_path(audit_id: str) -> str:
    return f"/v1/audits/{segment(audit_id)}"
