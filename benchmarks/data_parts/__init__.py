"""The parts of `benchmarks/data.py`: each measures one thing and gives rows of the table."""
