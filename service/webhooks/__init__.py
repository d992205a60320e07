"""Webhooks: what happened is written to an outbox with the change, and sent from there."""
