"""SlowFast for long-tailed multi-label video: training, testing and evaluation."""

__version__ = "0.1.0"
