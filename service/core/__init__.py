"""The foundations: errors, settings, the caller."""
