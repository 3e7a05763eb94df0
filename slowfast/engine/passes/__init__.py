"""Passes over a loader: training, evaluation, and the measurement of norm statistics."""
