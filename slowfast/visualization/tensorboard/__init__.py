"""TensorBoard: curves of a run, what its classes are taken for, and what its network looks at.

``board`` follows training; ``visualize`` looks at a trained network, or at saved results, after it.
"""

from slowfast.visualization.tensorboard.board import Board
from slowfast.visualization.tensorboard.visualize import visualize

__all__ = ["Board", "visualize"]
