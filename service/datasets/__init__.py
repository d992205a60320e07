"""Datasets: their records, columns, members and votes."""
