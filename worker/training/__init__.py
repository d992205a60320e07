"""Trains replicas and records their trajectories."""
