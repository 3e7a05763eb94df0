"""TensorBoard: curves of a run, confused classes, and the inside of its network.

``board`` follows training. ``slowfast.engine.visualize`` shows a trained network, or saved results.
"""

from slowfast.visualization.tensorboard.board import Board

__all__ = ["Board"]
