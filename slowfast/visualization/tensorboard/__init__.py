"""TensorBoard: curves of a run, what its classes are taken for, and what its network looks at.

``board`` follows training; ``slowfast.engine.visualize`` looks at a trained network, or at saved
results, after it.
"""

from slowfast.visualization.tensorboard.board import Board

__all__ = ["Board"]
