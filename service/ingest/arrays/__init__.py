"""Readers of arrays: NPZ and the files of well-known benchmarks."""
