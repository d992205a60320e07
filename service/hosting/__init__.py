"""`labelaudit serve`: the embedded default and what keeps its processes going."""
