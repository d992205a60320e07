"""Verification of everything that is stored."""
