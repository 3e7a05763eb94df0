"""SlowFast for long-tailed multi-label video: training, testing and evaluation."""

from slowfast.ak.run import startup

__version__ = "0.1.0"

startup.settle()
