"""The job table and the broker that notifies workers."""
