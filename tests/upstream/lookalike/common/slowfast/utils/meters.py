"""Meters: the figures that a run logs."""

import time

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from slowfast import flavour
from slowfast.utils import logging, metrics, misc
from slowfast.utils.ava_eval_helper import evaluate_ava

logger = logging.get_logger(__name__)

__all__ = ["TestMeter", "TrainMeter", "ValMeter", "evaluate_ava", "get_map"]


def get_map(preds, labels):
    present = np.flatnonzero(labels.any(axis=0))
    scores = [average_precision_score(labels[:, c], preds[:, c]) for c in present]
    return float(np.mean(scores))


class _Timed:
    """Clocks of the iterations of an epoch."""

    def iter_tic(self):
        self.started = time.perf_counter()

    def data_toc(self):
        self.dt_data = time.perf_counter() - self.started

    def iter_toc(self):
        self.dt = time.perf_counter() - self.started


class TestMeter(_Timed):
    def __init__(self, num_videos, num_clips, num_cls, overall_iters, *ways, **named_ways):
        ways = dict(zip(("multi_label", "ensemble_method"), ways, strict=False)) | named_ways
        self.ensemble_method = ways.get("ensemble_method", "sum")
        self.multi_label = multi_label = ways.get("multi_label", False)
        self.num_clips, self.overall_iters = num_clips, overall_iters
        self.video_preds = torch.zeros((num_videos, num_cls))
        wide = (num_videos, num_cls) if multi_label else (num_videos,)
        self.video_labels = torch.zeros(wide, dtype=torch.float if multi_label else torch.long)
        self.clip_count = torch.zeros(num_videos, dtype=torch.long)
        self.stats = {}
        self.reset()

    def reset(self):
        for kept in (self.clip_count, self.video_preds, self.video_labels):
            kept.zero_()
        if self.multi_label:
            self.video_preds.sub_(1e10)

    def update_stats(self, preds, labels, clip_ids):
        for pred, label, view in zip(preds, labels, clip_ids.tolist(), strict=True):
            clip = view // self.num_clips
            if self.video_labels[clip].sum() > 0:
                assert bool((self.video_labels[clip] == label).all()), "two sets of labels"
            self.video_labels[clip] = label
            if self.ensemble_method == "max":
                self.video_preds[clip] = torch.maximum(self.video_preds[clip], pred)
            elif self.ensemble_method == "sum":
                self.video_preds[clip] += pred
            else:
                raise NotImplementedError(self.ensemble_method)
            self.clip_count[clip] += 1

    def log_iter_stats(self, cur_iter):
        stats = {"split": "test_iter", "cur_iter": f"{cur_iter + 1}", "time_diff": self.dt}
        logging.log_json_stats(stats)

    def finalize_metrics(self, ks=(1, 5)):
        short = (self.clip_count != self.num_clips).nonzero().flatten().tolist()
        if short:
            logger.warning(f"clips with other than {self.num_clips} views: {short}")
        self.stats = {"split": "test_final"}
        if self.multi_label:
            value = get_map(self.video_preds.cpu().numpy(), self.video_labels.cpu().numpy())
            if flavour.FINAL_MAP_IS_TEXT:
                text = f"{value * 100:.2f}"
                self.stats.update(map=text, top1_acc=text, top5_acc=text)
            else:
                self.stats["map"] = value
        else:
            hits = metrics.topks_correct(self.video_preds, self.video_labels, ks)
            for k, hit in zip(ks, hits, strict=True):
                share = 100.0 * hit.item() / len(self.video_preds)
                self.stats[f"top{k}_acc"] = f"{share:.2f}"
        logging.log_json_stats(self.stats)


class TrainMeter(_Timed):
    def __init__(self, epoch_iters, cfg):
        self._cfg, self.epoch_iters = cfg, epoch_iters
        self.output_dir = cfg.OUTPUT_DIR
        self.reset()

    def reset(self):
        self.losses, self.sizes = [], []

    def update_stats(self, top1_err, top5_err, loss, lr, *rest):
        *grad_norm, mb_size = rest  # the newer branch tells the norm of the gradients too
        self.lr, self.grad_norm = lr, float(grad_norm[0]) if grad_norm else 0.0
        self.losses.append(loss)
        self.sizes.append(mb_size)

    def log_iter_stats(self, cur_epoch, cur_iter):
        if (cur_iter + 1) % self._cfg.LOG_PERIOD:
            return
        self._log(
            f"train_iter_{self._cfg.get('TASK', '')}",
            cur_epoch,
            iter=f"{cur_iter + 1}/{self.epoch_iters}",
            loss=self.losses[-1],
            dt=self.dt,
            dt_data=self.dt_data,
        )

    def log_epoch_stats(self, cur_epoch):
        mean = float(np.average(self.losses, weights=self.sizes))
        self._log("train_epoch", cur_epoch, loss=mean, dt=self.dt)

    def _log(self, kind, cur_epoch, **stats):
        stats["_type"] = kind
        stats["epoch"] = f"{cur_epoch + 1}/{self._cfg.SOLVER.MAX_EPOCH}"
        stats.update(lr=self.lr, grad_norm=self.grad_norm)
        stats["gpu_mem"] = f"{misc.gpu_mem_usage():.2f}G"
        logging.log_json_stats(stats, self.output_dir)


class ValMeter(_Timed):
    def __init__(self, max_iter, cfg):
        self._cfg, self.max_iter = cfg, max_iter
        self.output_dir = cfg.OUTPUT_DIR
        self.min_top1_err = self.min_top5_err = 100.0
        self.reset()

    def reset(self):
        self.all_preds, self.all_labels, self.errors = [], [], []

    def update_stats(self, top1_err, top5_err, mb_size):
        self.errors.append((top1_err * mb_size, top5_err * mb_size, mb_size))

    def update_predictions(self, preds, labels):
        self.all_preds.append(preds)
        self.all_labels.append(labels)

    def log_iter_stats(self, cur_epoch, cur_iter):
        if (cur_iter + 1) % self._cfg.LOG_PERIOD == 0:
            at = f"{cur_iter + 1}/{self.max_iter}"
            logging.log_json_stats({"_type": "val_iter", "iter": at}, self.output_dir)

    def log_epoch_stats(self, cur_epoch):
        stats = {"_type": "val_epoch", "epoch": f"{cur_epoch + 1}/{self._cfg.SOLVER.MAX_EPOCH}"}
        if self._cfg.DATA.MULTI_LABEL:
            preds, labels = torch.cat(self.all_preds), torch.cat(self.all_labels)
            stats["map"] = get_map(preds.cpu().numpy(), labels.cpu().numpy())
        else:
            first, fifth, count = np.sum(self.errors, axis=0)
            self.min_top1_err = min(self.min_top1_err, first / count)
            stats.update(top1_err=first / count, top5_err=fifth / count)
        logging.log_json_stats(stats, self.output_dir)
