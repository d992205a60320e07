"""Runs jobs: claim, lease, run, fail."""
