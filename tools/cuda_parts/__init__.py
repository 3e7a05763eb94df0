"""The parts of `tools/cuda_check.py`. Each part is a file, or shares a file with its like."""
