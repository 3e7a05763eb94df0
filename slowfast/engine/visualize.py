"""After a run: pictures of the network and of wrong predictions, in TensorBoard.

Pictures show the centred view of a test clip, as evaluations during training use it. MODEL_VIS
shows eight clips, WRONG_PRED_VIS the first hundred. One process reads them one by one; clips that
cannot be read are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.ak.classes.counts import read_class_table
from slowfast.ak.clips.bad_clips import from_meta
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.errors import UserError
from slowfast.checkpoints.tested_weights import load_test_checkpoint
from slowfast.datasets.loader import construct_loader
from slowfast.engine.device.runtime import Precision, get_device, seed_everything
from slowfast.engine.device.speed import prepare_device
from slowfast.models import build_model
from slowfast.models.memory_format import channels_last
from slowfast.results.reading import read_scores
from slowfast.utils import logging
from slowfast.utils.distributed import unwrap
from slowfast.visualization.report.findings import predicted_classes
from slowfast.visualization.tensorboard.board import Board
from slowfast.visualization.tensorboard.confusion import one_hot
from slowfast.visualization.tensorboard.inside import (
    grad_cam,
    last_of_each_pathway,
    layers,
    watched,
)
from slowfast.visualization.tensorboard.names import subset
from slowfast.visualization.tensorboard.pictures import (
    captioned,
    colormap,
    heat_strip,
    kernels,
    overlaid,
    stacked,
    strip,
)

logger = logging.get_logger(__name__)

_MOST_CLIPS, _MOST_WRONG = 8, 100


def visualize(cfg: CfgNode) -> None:
    """Draws the pictures of TENSORBOARD.MODEL_VIS, WRONG_PRED_VIS and PREDICTIONS_PATH.

    All processes call this function; the first one draws.

    Raises:
        UserError: weights, saved results, layers or a file of class names cannot be used.
    """
    logging.setup_logging(cfg.OUTPUT_DIR)
    cfg = _with_one_view(cfg)
    model_vis, wrong_pred_vis = cfg.TENSORBOARD.MODEL_VIS, cfg.TENSORBOARD.WRONG_PRED_VIS
    board = Board.of_run(cfg, read_class_table(cfg))
    if cfg.TENSORBOARD.PREDICTIONS_PATH and board:
        _draw_saved(cfg, board)
    if model_vis.ENABLE or wrong_pred_vis.ENABLE:
        seed_everything(cfg.RNG_SEED)
        prepare_device(cfg)
        model = build_model(cfg)
        loaded = load_test_checkpoint(cfg, model)
        if board:
            drawing = _Drawing(cfg, unwrap(model).eval(), board, (loaded.epoch or 0) + 1)
            if model_vis.ENABLE:
                drawing.draw_network()
            if wrong_pred_vis.ENABLE:
                drawing.draw_wrong()
    if board:
        board.close()


def _with_one_view(cfg: CfgNode) -> CfgNode:
    """Returns a copy of the configuration that tests one view of each clip."""
    run = cfg.clone()
    run.defrost()
    run.TEST.ENABLE = True
    run.TEST.NUM_ENSEMBLE_VIEWS, run.TEST.NUM_SPATIAL_CROPS = 1, 1
    return run


def _draw_saved(cfg: CfgNode, board: Board) -> None:
    key, path = "TENSORBOARD.PREDICTIONS_PATH", Path(cfg.TENSORBOARD.PREDICTIONS_PATH)
    scores, labels = read_scores(path)
    count = cfg.MODEL.NUM_CLASSES
    if scores.shape[1] != count:
        raise UserError(
            f"{key}: {path} has scores of {scores.shape[1]} classes, and MODEL.NUM_CLASSES is "
            f"{count}."
        )
    if labels.ndim == 1 and not np.isin(labels, np.arange(count)).all():
        raise UserError(f"{key}: {path} has labels other than the classes 0 to {count - 1}.")
    labels = labels.astype(np.int64)
    board.add_results(scores, labels, 0, " of saved results")


class _Drawing:
    """Draws on a board what a network in evaluation mode computes for test clips."""

    def __init__(self, cfg: CfgNode, network: nn.Module, board: Board, step: int) -> None:
        self._cfg, self._network, self._board, self._step = cfg, network, board, step
        self._device = get_device(cfg)
        key, model_vis = "TENSORBOARD.MODEL_VIS", cfg.TENSORBOARD.MODEL_VIS
        self._class_colours = colormap(f"{key}.COLORMAP", model_vis.COLORMAP)
        self._heat_colours = colormap(f"{key}.GRAD_CAM.COLORMAP", model_vis.GRAD_CAM.COLORMAP)
        self._to_input = InputTransform.from_cfg(cfg, channels_last(cfg))

    def _clips(self) -> Iterator[tuple[str, list[Tensor], Tensor]]:
        """Yields the name, the input of one view, and the labels (C,) or class of each clip."""
        clips = construct_loader(self._cfg, "test").dataset
        for number in range(len(clips)):
            (views,), labels, index, _, meta = clips[0, number]
            if any(problem.kind == "missing" for problem in from_meta(meta)):
                continue
            inputs = self._to_input(views.to(self._device).batch(0, 1))
            # A name can hold bytes that are not UTF-8.
            name = clips.clip_name(int(index)).encode(errors="replace").decode()
            yield name, inputs, torch.as_tensor(labels)

    def _scores(self, inputs: list[Tensor]) -> np.ndarray:
        """Returns the scores (C,) of one clip."""
        with torch.no_grad(), Precision.from_cfg(self._cfg, self._device).autocast():
            return self._network(inputs).float().cpu().numpy()[0]

    def draw_network(self) -> None:
        """Draws what TENSORBOARD.MODEL_VIS asks for.

        These are the weights of layers; and for some clips the input, the activations of layers and
        Grad-CAM.
        """
        model_vis, key = self._cfg.TENSORBOARD.MODEL_VIS, "TENSORBOARD.MODEL_VIS"
        shown = layers(self._network, f"{key}.LAYER_LIST", model_vis.LAYER_LIST)
        if model_vis.MODEL_WEIGHTS:
            self._draw_weights(shown or {"": self._network})
        cams = model_vis.GRAD_CAM.LAYER_LIST or last_of_each_pathway(self._network)
        cams = layers(self._network, f"{key}.GRAD_CAM.LAYER_LIST", cams)
        pathways = len(self._cfg.DATA.INPUT_CHANNEL_NUM)
        if model_vis.GRAD_CAM.ENABLE and len(cams) != pathways:
            raise UserError(
                f"{key}.GRAD_CAM.LAYER_LIST: found {len(cams)} layers; expected one for each of "
                f"the network's {pathways} pathways."
            )
        for name, inputs, labels in islice(self._clips(), _MOST_CLIPS):
            with watched(shown if model_vis.ACTIVATIONS else {}) as seen:
                scores = self._scores(inputs)
            frames = [self._board.frames_of(pathway[0]) for pathway in inputs]
            text, colour = self._caption(name, scores, labels)
            if model_vis.INPUT_VIDEO:
                self._add("Model input", name, [strip(part) for part in frames], text, colour)
            for layer, output in seen.items():
                picture = heat_strip(output[0])
                self._add(f"Activations of {layer}", name, [picture], text, colour)
                self._board.add_histogram(f"Activations of {layer}/{name}", output, self._step)
            if model_vis.GRAD_CAM.ENABLE:
                classes = self._explained(scores, labels)
                maps = grad_cam(self._network, cams, inputs, classes)
                strips = [
                    strip(overlaid(part, heat.numpy(), self._heat_colours))
                    for part, heat in zip(frames, maps, strict=True)
                ]
                names = ", ".join(self._board.name_of(number) for number in classes)
                self._add("Grad-CAM", name, strips, f"{text}\nGrad-CAM of: {names}", colour)

    def _draw_weights(self, shown: dict[str, nn.Module]) -> None:
        for layer, module in shown.items():
            for name, weight in module.named_parameters(prefix=layer.replace("/", ".")):
                self._board.add_histogram(f"Weights/{name}", weight, self._step)
                if weight.ndim == 5 and weight.shape[1] == 3:
                    self._board.add_picture(f"Kernels/{name}", kernels(weight), self._step)

    def draw_wrong(self) -> None:
        """Draws clips with k labels of which one is not among the k highest scores."""
        wrong_pred_vis = self._cfg.TENSORBOARD.WRONG_PRED_VIS
        names = [self._board.name_of(k) for k in range(self._cfg.MODEL.NUM_CLASSES)]
        among = subset("TENSORBOARD.WRONG_PRED_VIS.SUBSET_PATH", wrong_pred_vis.SUBSET_PATH, names)
        drawn = 0
        for name, inputs, labels in self._clips():
            scores = self._scores(inputs)
            many = one_hot(labels.numpy()[None], len(scores))
            missed = np.flatnonzero(many & ~predicted_classes(scores[None], many))
            if not np.isin(missed, among).any():
                continue
            strips = [strip(self._board.frames_of(pathway[0])) for pathway in inputs]
            self._add(wrong_pred_vis.TAG, name, strips, *self._caption(name, scores, labels))
            drawn += 1
            if drawn == _MOST_WRONG:
                logger.info(f"{wrong_pred_vis.TAG} The first {drawn} are drawn.")
                break

    def _explained(self, scores: np.ndarray, labels: Tensor) -> list[int]:
        """Returns the classes for Grad-CAM: the labels of the clip, or the best class."""
        own = labels.nonzero().flatten().tolist() if labels.ndim else [int(labels)]
        if self._cfg.TENSORBOARD.MODEL_VIS.GRAD_CAM.USE_TRUE_LABEL and own:
            return own
        return [int(scores.argmax())]

    def _caption(
        self, name: str, scores: np.ndarray, labels: Tensor
    ) -> tuple[str, Sequence[float]]:
        """Returns the text above a clip, and its background: the colour of the best class."""
        top = self._cfg.TENSORBOARD.MODEL_VIS.TOPK_PREDS
        best = np.argsort(-scores, kind="stable")[: max(top, 1)]
        given = ", ".join(f"{self._board.name_of(int(k))} {scores[k]:.2f}" for k in best)
        colour = self._class_colours(int(best[0]) % self._class_colours.N)[:3]
        text = f"{name}: is {self._board.labels_of(labels)}\nhighest scores: {given}"
        return text, colour

    def _add(
        self,
        tag: str,
        name: str,
        strips: list[np.ndarray],
        text: str,
        colour: Sequence[float],
    ) -> None:
        picture = captioned(stacked(strips), text, colour)
        self._board.add_picture(f"{tag}/{name}", picture, self._step)
