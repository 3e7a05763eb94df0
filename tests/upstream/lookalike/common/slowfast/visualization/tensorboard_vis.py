"""Curves for TensorBoard."""

from torch.utils.tensorboard import SummaryWriter


class TensorboardWriter:
    def __init__(self, cfg):
        self.writer = SummaryWriter(log_dir=f"{cfg.OUTPUT_DIR}/curves")

    def add_scalars(self, values, global_step=None):
        for name, value in values.items():
            self.writer.add_scalar(name, value, global_step)

    def close(self):
        self.writer.close()
