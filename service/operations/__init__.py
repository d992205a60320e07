"""Backup, cleanup and verification."""
