"""Audits: their records, progress, rankings, suspects and classifier."""
