"""SlowFast for long-tailed multi-label video: training, testing and evaluation."""

import os
import warnings

__version__ = "0.1.0"

# Threads that wait for each other sleep instead of spinning. Where other programs want the same
# cores, spinning made a training step on the CPU three to ten times as long. OpenMP reads this
# when torch is imported; whoever has set it keeps what is set.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# fvcore scripts a function when it is imported, which current PyTorch warns of: on every start, in
# every process, of something that a user can do nothing about.
warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=FutureWarning)
