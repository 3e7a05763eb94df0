"""Front door: the meters of training, evaluation and test, at upstream's path."""

from slowfast.engine.meters import TestMeter, TrainMeter, ValMeter, get_map

__all__ = ["TestMeter", "TrainMeter", "ValMeter", "get_map"]
