"""Archives: their entries are checked before anything is inflated, and never extracted by name."""
