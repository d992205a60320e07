"""Texts that are files: which file is which class, and how each is encoded."""
