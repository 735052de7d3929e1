"""Measurements, run by `make bench`; what was measured is recorded in benchmarks/results."""
