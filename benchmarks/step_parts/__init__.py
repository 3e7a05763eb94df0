"""What `benchmarks/step.py` measures."""
