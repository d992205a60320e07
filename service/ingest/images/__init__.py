"""Pictures: which file is which class, and whether each can be decoded."""
