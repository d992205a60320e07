"""Who may do what: API keys, sessions, organisations, and the log of it."""
