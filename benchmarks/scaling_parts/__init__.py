"""The parts of `benchmarks/scaling.py`; each gives tables."""
