"""What a process settles before torch is imported. It imports nothing that would."""

import os
import warnings


def settle() -> None:
    """Let threads that wait sleep, and keep a warning from users that is not for them."""
    # Where other programs want the same cores, spinning made a training step on the CPU three to
    # ten times as long. OpenMP reads this when torch is imported; whoever has set it keeps it.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # fvcore scripts a function when it is imported, which current PyTorch warns of: on every
    # start, in every process, of something that a user can do nothing about.
    warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=FutureWarning)
