"""Headers that several responses share."""

from fastapi import Response

RETRY_SECONDS = 1  # a status costs little, and small jobs take about so long


def accepted(response: Response, location: str) -> None:
    """Say where the result will be and when to ask for it."""
    response.headers["Location"] = location
    response.headers["Retry-After"] = str(RETRY_SECONDS)
