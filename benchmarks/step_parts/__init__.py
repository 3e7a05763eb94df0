"""The parts of `benchmarks/step.py`."""
