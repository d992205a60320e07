"""Every call of the walk, in order: what ends or deletes something comes after what shows it."""

from tests.service.api.examples.calls import accounts, audits, datasets, ends, review, uploads

CALLS = (
    *uploads.CALLS,
    *datasets.CALLS,
    *audits.CALLS,
    *review.CALLS,
    *accounts.CALLS,
    *ends.CALLS,
)
