"""SlowFast for long-tailed multi-label video: training, testing and evaluation."""

import warnings

__version__ = "0.1.0"

# fvcore scripts a function when it is imported, which current PyTorch warns of: on every start, in
# every process, of something that a user can do nothing about.
warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=FutureWarning)
