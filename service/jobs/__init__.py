"""The job table and the broker that announces it."""
