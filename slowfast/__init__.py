"""SlowFast for long-tailed multi-label video: training, testing and evaluation."""

from slowfast import upstream_names
from slowfast.ak.run import startup

__version__ = "0.1.0"

startup.settle()
upstream_names.install()
