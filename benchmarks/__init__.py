"""Measures loafer beside its peers; `python -m benchmarks` runs everything."""
