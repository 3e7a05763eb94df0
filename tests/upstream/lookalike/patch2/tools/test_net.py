"""Tests a network: every view is scored, the views of a clip are put together."""

import pickle
from pathlib import Path

import numpy as np
import torch
from slowfast.datasets import loader
from slowfast.models import build_model
from slowfast.utils import checkpoint as cu
from slowfast.utils import distributed as du
from slowfast.utils import logging
from slowfast.utils.env import pathmgr
from slowfast.utils.meters import TestMeter

logger = logging.get_logger(__name__)


@torch.no_grad()
def perform_test(test_loader, model, test_meter, cfg, writer=None):
    model.eval()
    test_meter.iter_tic()
    for cur_iter, (inputs, labels, video_idx, meta) in enumerate(test_loader):
        if cfg.NUM_GPUS:
            inputs = [pathway.cuda(non_blocking=True) for pathway in inputs]
            labels, video_idx = labels.cuda(), video_idx.cuda()
            for key in meta:
                meta[key] = meta[key].cuda(non_blocking=True)
        test_meter.data_toc()
        preds = model(inputs)
        if cfg.NUM_GPUS > 1:
            preds, labels, video_idx = du.all_gather([preds, labels, video_idx])
        if cfg.NUM_GPUS:
            preds, labels, video_idx = preds.cpu(), labels.cpu(), video_idx.cpu()
        test_meter.iter_toc()
        test_meter.update_stats(preds.detach(), labels.detach(), video_idx.detach())
        test_meter.log_iter_stats(cur_iter)
        test_meter.iter_tic()
    all_preds, all_labels = test_meter.video_preds.clone(), test_meter.video_labels
    if cfg.TEST.SAVE_RESULTS_PATH != "" and du.is_root_proc():
        with pathmgr.open(str(Path(cfg.OUTPUT_DIR, cfg.TEST.SAVE_RESULTS_PATH)), "wb") as file:
            pickle.dump([all_preds, all_labels], file)
    test_meter.finalize_metrics()
    return test_meter


def test(cfg):
    du.init_distributed_training(cfg)
    np.random.seed(cfg.RNG_SEED)
    torch.manual_seed(cfg.RNG_SEED)
    logging.setup_logging(cfg.OUTPUT_DIR)
    model = build_model(cfg)
    cu.load_test_checkpoint(cfg, model)
    test_loader = loader.construct_loader(cfg, "test")
    views = cfg.TEST.NUM_ENSEMBLE_VIEWS * cfg.TEST.NUM_SPATIAL_CROPS
    assert test_loader.dataset.num_videos % views == 0, "clips without all of their views"
    test_meter = TestMeter(
        test_loader.dataset.num_videos // views,
        views,
        cfg.MODEL.NUM_CLASSES,
        len(test_loader),
        cfg.DATA.MULTI_LABEL,
        cfg.DATA.ENSEMBLE_METHOD,
    )
    perform_test(test_loader, model, test_meter, cfg)
