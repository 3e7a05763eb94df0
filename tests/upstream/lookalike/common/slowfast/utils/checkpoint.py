"""Checkpoints: OUTPUT_DIR/checkpoints/checkpoint_epoch_00001.pyth and so on."""

import os

import torch
from slowfast.utils import distributed as du
from slowfast.utils import logging
from slowfast.flavour import checkpoint_pathmgr as pathmgr

logger = logging.get_logger(__name__)


def get_checkpoint_dir(path_to_job):
    return f"{path_to_job}/checkpoints"


def make_checkpoint_dir(path_to_job):
    folder = get_checkpoint_dir(path_to_job)
    if du.is_master_proc():
        pathmgr.mkdirs(folder)
    return folder


def get_path_to_checkpoint(path_to_job, epoch, task=""):
    prefix = f"{task}_" if task else ""
    return f"{get_checkpoint_dir(path_to_job)}/{prefix}checkpoint_epoch_{epoch:05d}.pyth"


def _saved(path_to_job):
    folder = get_checkpoint_dir(path_to_job)
    names = pathmgr.ls(folder) if pathmgr.exists(folder) else []
    return [f"{folder}/{name}" for name in sorted(names) if "checkpoint" in name]


def has_checkpoint(path_to_job):
    return bool(_saved(path_to_job))


def get_last_checkpoint(path_to_job, task=""):
    return _saved(path_to_job)[-1]


def is_checkpoint_epoch(cfg, cur_epoch, multigrid_schedule=None):
    done = cur_epoch + 1
    return done == cfg.SOLVER.MAX_EPOCH or done % cfg.TRAIN.CHECKPOINT_PERIOD == 0


def _bare(model, data_parallel):
    return model.module if data_parallel else model


def save_checkpoint(path_to_job, model, optimizer, epoch, cfg, scaler=None):
    if not du.is_master_proc(cfg.NUM_GPUS * cfg.NUM_SHARDS):
        return None
    pathmgr.mkdirs(get_checkpoint_dir(path_to_job))
    content = {
        "epoch": epoch,
        "model_state": _bare(model, cfg.NUM_GPUS > 1).state_dict(),
        "optimizer_state": optimizer.state_dict(),
        "cfg": cfg.dump(),
    }
    if scaler is not None:
        content["scaler_state"] = scaler.state_dict()
    path = get_path_to_checkpoint(path_to_job, epoch + 1)
    with pathmgr.open(path, "wb") as file:
        torch.save(content, file)
    return path


def load_checkpoint(
    path_to_checkpoint, model, data_parallel=True, optimizer=None, scaler=None, **settings
):
    assert pathmgr.exists(path_to_checkpoint), f"{path_to_checkpoint} is not there"
    assert not settings.get("convert_from_caffe2"), "the look-alike reads no Caffe2 pickles"
    logger.info(f"Weights of {path_to_checkpoint}")
    with pathmgr.open(path_to_checkpoint, "rb") as file:
        content = torch.load(file, map_location="cpu")
    network = _bare(model, data_parallel)
    wanted, found = network.state_dict(), content["model_state"]
    fitting = {
        name: value
        for name, value in found.items()
        if name in wanted and wanted[name].shape == value.shape
    }
    for name in wanted.keys() - fitting.keys():
        logger.info(f"{name} is not loaded")
    network.load_state_dict(fitting, strict=False)
    if settings.get("epoch_reset") or "epoch" not in content:
        return -1
    if optimizer is not None:
        optimizer.load_state_dict(content["optimizer_state"])
    if scaler is not None:
        scaler.load_state_dict(content["scaler_state"])
    return content["epoch"]


def load_train_checkpoint(cfg, model, optimizer, scaler=None):
    several, path = cfg.NUM_GPUS > 1, cfg.TRAIN.CHECKPOINT_FILE_PATH
    if cfg.TRAIN.AUTO_RESUME and has_checkpoint(cfg.OUTPUT_DIR):
        last = get_last_checkpoint(cfg.OUTPUT_DIR, cfg.get("TASK", ""))
        return 1 + load_checkpoint(last, model, several, optimizer, scaler)
    if path == "":
        return 0
    return 1 + load_checkpoint(
        path,
        model,
        several,
        optimizer,
        scaler,
        inflation=cfg.TRAIN.CHECKPOINT_INFLATE,
        convert_from_caffe2=cfg.TRAIN.CHECKPOINT_TYPE == "caffe2",
        epoch_reset=cfg.TRAIN.CHECKPOINT_EPOCH_RESET,
    )


def load_test_checkpoint(cfg, model):
    if cfg.TEST.CHECKPOINT_FILE_PATH != "":
        path = cfg.TEST.CHECKPOINT_FILE_PATH
    elif has_checkpoint(cfg.OUTPUT_DIR):
        path = get_last_checkpoint(cfg.OUTPUT_DIR, cfg.get("TASK", ""))
    elif cfg.TRAIN.CHECKPOINT_FILE_PATH != "":
        path = cfg.TRAIN.CHECKPOINT_FILE_PATH
    else:
        logger.info(f"No weights below {os.path.realpath(cfg.OUTPUT_DIR)}: a random network")
        return
    load_checkpoint(path, model, cfg.NUM_GPUS > 1)
