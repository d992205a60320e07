"""Readers of tables: CSV, JSON and Parquet, in batches."""
