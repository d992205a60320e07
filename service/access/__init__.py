"""Who may do what: keys, sign-ins, tenants, members, limits, and the log of it."""
