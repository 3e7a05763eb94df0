"""Settings that must be made before torch is imported. This module does not import torch."""

import os
import warnings


def settle() -> None:
    """Lets waiting threads sleep, and hides a warning that users cannot act on."""
    # If other programs use the same cores, spinning threads make a training step on the CPU three
    # to ten times as long. OpenMP reads this when torch is imported. A user's value stays.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # fvcore scripts a function when it is imported. PyTorch warns of this in every process.
    warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=FutureWarning)
