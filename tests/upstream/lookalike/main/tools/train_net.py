"""Trains a network and evaluates it between epochs."""

import numpy as np
import torch
from fvcore.nn.precise_bn import get_bn_modules, update_bn_stats
from slowfast.datasets import loader
from slowfast.models import build_model, losses
from slowfast.models import optimizer as optim
from slowfast.utils import checkpoint as cu
from slowfast.utils import distributed as du
from slowfast.utils import logging, metrics, misc
from slowfast.utils.meters import TrainMeter, ValMeter
from slowfast.visualization import tensorboard_vis as tb

logger = logging.get_logger(__name__)


def train_epoch(train_loader, model, optimizer, scaler, train_meter, cur_epoch, cfg, writer=None):
    model.train()
    if cfg.MODEL.FROZEN_BN:
        misc.frozen_bn_stats(model)
    loss_fun = losses.get_loss_func(cfg.MODEL.LOSS_FUNC)(reduction="mean")
    train_meter.iter_tic()
    for cur_iter, (inputs, labels, index, time, meta) in enumerate(train_loader):
        inputs, labels, index, time = misc.to_gpu(cfg, inputs, meta, labels, index, time)
        lr = optim.get_epoch_lr(cur_epoch + cur_iter / len(train_loader), cfg)
        optim.set_lr(optimizer, lr)
        train_meter.data_toc()
        optimizer.zero_grad()
        with torch.autocast("cuda", enabled=cfg.TRAIN.MIXED_PRECISION):
            loss = loss_fun(model(inputs), labels)
        misc.check_nan_losses(loss)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        grad_norm = optim.get_grad_norm_(model.parameters())
        scaler.step(optimizer)
        scaler.update()
        if cfg.NUM_GPUS > 1:
            loss, grad_norm = du.all_reduce([loss.detach(), grad_norm])
        size = len(inputs[0])
        train_meter.update_stats(None, None, loss.item(), lr, grad_norm.item(), size)
        if writer is not None:
            curves = {"Train/loss": loss.item(), "Train/lr": lr, "Train/Top1_err": None}
            writer.add_scalars(curves, global_step=len(train_loader) * cur_epoch + cur_iter)
        train_meter.iter_toc()
        torch.cuda.synchronize()
        train_meter.log_iter_stats(cur_epoch, cur_iter)
        train_meter.iter_tic()
    train_meter.log_epoch_stats(cur_epoch)
    train_meter.reset()


@torch.no_grad()
def eval_epoch(val_loader, model, val_meter, cur_epoch, cfg, train_loader, writer):
    model.eval()
    val_meter.iter_tic()
    for step, (clips, labels, _, _, meta) in enumerate(val_loader):
        clips, labels = misc.to_gpu(cfg, clips, meta, labels)
        val_meter.data_toc()
        preds = model(clips)
        if cfg.NUM_GPUS > 1:
            preds, labels = du.all_gather([preds, labels])
        if cfg.DATA.MULTI_LABEL:
            val_meter.iter_toc()
        else:
            errors = metrics.topk_errors(preds, labels, (1, 5))
            val_meter.update_stats(*(error.item() for error in errors), len(preds))
        val_meter.update_predictions(preds, labels)
        val_meter.log_iter_stats(cur_epoch, step)
        val_meter.iter_tic()
    val_meter.log_epoch_stats(cur_epoch)
    val_meter.reset()


def calculate_and_update_precise_bn(loader, model, num_iters=200, use_gpu=True):
    def only_inputs():
        for inputs, *_ in loader:
            yield [pathway.cuda() for pathway in inputs] if use_gpu else inputs

    update_bn_stats(model, only_inputs(), num_iters)


def train(cfg):
    du.init_distributed_training(cfg)
    logging.setup_logging(cfg.OUTPUT_DIR)
    for seed in (torch.manual_seed, np.random.seed):
        seed(cfg.RNG_SEED)
    model = build_model(cfg)
    if du.is_master_proc() and cfg.LOG_MODEL_INFO:
        misc.log_model_info(model, cfg, use_train_input=True)
    optimizer = optim.construct_optimizer(model, cfg)
    scaler = torch.amp.GradScaler("cuda", enabled=cfg.TRAIN.MIXED_PRECISION)
    only_if_mixed = scaler if cfg.TRAIN.MIXED_PRECISION else None
    start_epoch = cu.load_train_checkpoint(cfg, model, optimizer, only_if_mixed)
    train_loader = loader.construct_loader(cfg, "train")
    val_loader = loader.construct_loader(cfg, "val")
    precise = cfg.BN.USE_PRECISE_STATS
    bn_loader = loader.construct_loader(cfg, "train", is_precise_bn=True) if precise else None
    train_meter = TrainMeter(len(train_loader), cfg)
    val_meter = ValMeter(len(val_loader), cfg)
    writer = tb.TensorboardWriter(cfg) if cfg.TENSORBOARD.ENABLE and du.is_master_proc() else None
    for cur_epoch in range(start_epoch, cfg.SOLVER.MAX_EPOCH):
        loader.shuffle_dataset(train_loader, cur_epoch)
        if hasattr(train_loader.dataset, "_set_epoch_num"):
            train_loader.dataset._set_epoch_num(cur_epoch)
        train_epoch(
            train_loader, model, optimizer, scaler, train_meter, cur_epoch, cfg, writer=writer
        )
        saves = cu.is_checkpoint_epoch(cfg, cur_epoch, None)
        evaluates = misc.is_eval_epoch(cfg, cur_epoch, None)
        if precise and (saves or evaluates) and get_bn_modules(model):
            count = min(cfg.BN.NUM_BATCHES_PRECISE, len(bn_loader))
            calculate_and_update_precise_bn(bn_loader, model, count, cfg.NUM_GPUS > 0)
        misc.aggregate_sub_bn_stats(model)
        if saves:
            cu.save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, cur_epoch, cfg, only_if_mixed)
        if evaluates:
            eval_epoch(val_loader, model, val_meter, cur_epoch, cfg, train_loader, writer)
    return f"top1 {100 - val_meter.min_top1_err:.2f}"
