"""The parts of `tools/cuda_check.py`. Related parts share a file."""
