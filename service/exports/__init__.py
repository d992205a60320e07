"""Exports: their records, and a writer for each format."""
