"""Tests a network: scores every view and combines the views of a clip."""

import pickle
from pathlib import Path

import numpy as np
import torch
from slowfast.datasets import loader
from slowfast.models import build_model
from slowfast.utils import checkpoint as cu
from slowfast.utils import distributed as du
from slowfast.utils import logging, misc
from slowfast.utils.env import pathmgr
from slowfast.utils.meters import TestMeter

logger = logging.get_logger(__name__)


@torch.no_grad()
def perform_test(test_loader, model, test_meter, cfg, writer=None):
    model.eval()
    test_meter.iter_tic()
    for step, (clips, labels, views, _, meta) in enumerate(test_loader):
        clips, labels, views = misc.to_gpu(cfg, clips, meta, labels, views)
        test_meter.data_toc()
        preds = model(clips)
        if cfg.NUM_GPUS > 1:
            preds, labels, views = du.all_gather([preds, labels, views])
        test_meter.iter_toc()
        test_meter.update_stats(preds.cpu(), labels.cpu(), views.cpu())
        test_meter.log_iter_stats(step)
        test_meter.iter_tic()
    all_preds, all_labels = test_meter.video_preds.clone(), test_meter.video_labels
    if cfg.TEST.SAVE_RESULTS_PATH != "" and du.is_root_proc():
        with pathmgr.open(str(Path(cfg.OUTPUT_DIR, cfg.TEST.SAVE_RESULTS_PATH)), "wb") as file:
            pickle.dump([all_preds, all_labels], file)
    test_meter.finalize_metrics()
    return test_meter


def test(cfg):
    du.init_distributed_training(cfg)
    logging.setup_logging(cfg.OUTPUT_DIR)
    for seed in (torch.manual_seed, np.random.seed):
        seed(cfg.RNG_SEED)
    cfg.TEST.NUM_TEMPORAL_CLIPS = cfg.TEST.NUM_TEMPORAL_CLIPS or [cfg.TEST.NUM_ENSEMBLE_VIEWS]
    found = []
    for count in cfg.TEST.NUM_TEMPORAL_CLIPS:
        cfg.TEST.NUM_ENSEMBLE_VIEWS = count
        model = build_model(cfg)
        cu.load_test_checkpoint(cfg, model)
        test_loader = loader.construct_loader(cfg, "test")
        views = count * cfg.TEST.NUM_SPATIAL_CROPS
        assert test_loader.dataset.num_videos % views == 0, "clips without all of their views"
        test_meter = TestMeter(
            test_loader.dataset.num_videos // views,
            views,
            cfg.MODEL.NUM_CLASSES,
            len(test_loader),
            ensemble_method=cfg.DATA.ENSEMBLE_METHOD,
            multi_label=cfg.DATA.MULTI_LABEL,
        )
        test_meter = perform_test(test_loader, model, test_meter, cfg)
        found.append(f"{count} views: top1 {test_meter.stats['top1_acc']}")
    logger.info("; ".join(found))
    return "; ".join(found)
