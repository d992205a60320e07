"""Decodes pictures within bounds: of memory, of how many at once, and of what one organisation may
take (docs/decisions/0019-pictures-are-decoded-in-processes-of-their-own.md)."""
