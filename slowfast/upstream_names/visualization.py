"""`slowfast.visualization`: network input from frames of OpenCV, predictions, maps, TensorBoard."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.ak.clips.network_input import sees_rgb
from slowfast.ak.errors import UserError
from slowfast.checkpoints.tested_weights import load_test_checkpoint
from slowfast.models import build_model
from slowfast.upstream_names import cv2_transform
from slowfast.upstream_names.data import pack_pathway_output, tensor_normalize
from slowfast.utils.distributed import unwrap
from slowfast.visualization.tensorboard import confusion, inside, pictures
from slowfast.visualization.tensorboard.board import Board, log_dir
from slowfast.visualization.tensorboard.events import Events

# ------------------------------------------------------------------ input of a network


def process_cv2_inputs(frames: Sequence[np.ndarray], cfg: CfgNode) -> list[Tensor]:
    """Returns the input of a network for one clip: a tensor (1, 3, T, H, W) a pathway, slow first.

    DATA.NUM_FRAMES frames are taken, evenly spread over the given ones, and normalised.

    Args:
        frames: (H, W, 3), 0 to 255, all of one size. DATA.REVERSE_INPUT_CHANNEL reverses their
            colours: frames in RGB then reach the network as BGR.

    Raises:
        UserError: there is no frame, or the frames are not pictures of one size.
    """
    shapes = sorted({np.shape(frame) for frame in frames})
    if len(shapes) != 1 or len(shapes[0]) != 3:
        raise UserError(
            f"process_cv2_inputs: found {len(frames)} frames with the shapes {shapes}; expected "
            "frames (H, W, 3) of one size. Without a frame, the video could not be read."
        )
    clip = torch.from_numpy(np.ascontiguousarray(frames)).float() / 255
    clip = tensor_normalize(clip, cfg.DATA.MEAN, cfg.DATA.STD).permute(3, 0, 1, 2)
    chosen = torch.linspace(0, clip.shape[1] - 1, cfg.DATA.NUM_FRAMES).long()
    return [pathway.unsqueeze(0) for pathway in pack_pathway_output(cfg, clip[:, chosen])]


class TaskInfo:
    """Frames of a video, and what was found in them.

    Attributes:
        frames: (H, W, 3) uint8 BGR each.
        id: number of the task.
        bboxes: boxes, or None.
        action_preds: (N, classes) scores, or None.
        num_buffer_frames: frames that the clip shares with the clip before.
        img_height, img_width: of the frames; -1: not known.
        crop_size: of the input of the network; -1: not known.
        clip_vis_size: frames to show; -1: not known.
    """

    def __init__(self) -> None:
        self.frames: Sequence[np.ndarray] | None = None
        self.id = -1
        self.bboxes: Any = None
        self.action_preds: Tensor | None = None
        self.num_buffer_frames = 0
        self.img_height = self.img_width = -1
        self.crop_size = self.clip_vis_size = -1

    def add_frames(self, idx: int, frames: Sequence[np.ndarray]) -> None:
        """Sets the number and the frames."""
        self.id, self.frames = idx, frames

    def add_bboxes(self, bboxes: Any) -> None:
        """Sets the boxes."""
        self.bboxes = bboxes

    def add_action_preds(self, preds: Tensor) -> None:
        """Sets the scores."""
        self.action_preds = preds


class Predictor:
    """Scores the clips of tasks with the tested weights of a configuration.

    Args:
        gpu_id: number of the GPU; None: the current one. NUM_GPUS 0 uses the CPU.

    Raises:
        UserError: the weights cannot be loaded, or DETECTION.ENABLE is set.
    """

    def __init__(self, cfg: CfgNode, gpu_id: int | None = None) -> None:
        if cfg.DETECTION.ENABLE:
            raise UserError(
                "DETECTION.ENABLE: the detection of actions in boxes is not built here. Crop each "
                "tracked animal to a clip of its own, and leave the key at False."
            )
        self.cfg = cfg
        self.model = build_model(cfg, gpu_id=gpu_id).eval()
        load_test_checkpoint(cfg, self.model)

    @torch.no_grad()
    def __call__(self, task: TaskInfo) -> TaskInfo:
        """Adds the scores of a task's frames to it.

        The shorter side of the frames is scaled to DATA.TEST_CROP_SIZE. Their colours are in the
        order of DEMO.INPUT_FORMAT, RGB or BGR. The network gets them in the order that it was
        trained with.
        """
        # `process_cv2_inputs` reverses the order with this key.
        wanted = "RGB" if sees_rgb(self.cfg) != self.cfg.DATA.REVERSE_INPUT_CHANNEL else "BGR"
        frames = [cv2_transform.scale(self.cfg.DATA.TEST_CROP_SIZE, f) for f in task.frames]
        if wanted != self.cfg.DEMO.INPUT_FORMAT:
            frames = [frame[..., ::-1] for frame in frames]
        device = next(self.model.parameters()).device
        inputs = [pathway.to(device) for pathway in process_cv2_inputs(frames, self.cfg)]
        task.add_action_preds(self.model(inputs).cpu())
        return task


class ActionPredictor:
    """A `Predictor` with a queue.

    Args:
        async_vis: gets each scored task by ``put``; None: the tasks are kept for `get`.
    """

    def __init__(self, cfg: CfgNode, async_vis: Any = None, gpu_id: int | None = None) -> None:
        self.predictor = Predictor(cfg=cfg, gpu_id=gpu_id)
        self.async_vis = async_vis
        self._done: deque[TaskInfo] = deque()

    def put(self, task: TaskInfo) -> None:
        """Scores a task."""
        done = self.predictor(task)
        if self.async_vis is None:
            self._done.append(done)
        else:
            self.async_vis.put(done)

    def get(self) -> TaskInfo:
        """Returns the next scored task. Raises IndexError if there is none."""
        return self._done.popleft() if self.async_vis is None else self.async_vis.get()


# ------------------------------------------------------------------ inside a network


def get_layer(model: nn.Module, layer_name: str) -> nn.Module:
    """Returns a layer by its name, such as ``s5/pathway0_res2``.

    Raises:
        UserError: the network has no such layer.
    """
    return inside.layers(unwrap(model), "layer", [layer_name])[layer_name]


def get_indexing(string: str) -> tuple:
    """Returns the index that a text means: ``"1, 2:5"`` -> ``(1, slice(2, 5))``.

    Raises:
        UserError: the text is not numbers and slices with commas between them.
    """
    found = []
    for part in string.split(","):
        ends = part.strip().split(":")
        try:
            numbers = [int(end) if end.strip() else None for end in ends]
        except ValueError:
            numbers = []
        if len(numbers) == 1 and numbers[0] is not None:
            found.append(numbers[0])
        elif 2 <= len(numbers) <= 3:
            found.append(slice(*numbers))
        else:
            raise UserError(f"{string!r} is not an index; expected numbers and slices: '1, 2:5'.")
    return tuple(found)


def process_layer_index_data(
    layer_ls: Sequence[str], layer_name_prefix: str = ""
) -> tuple[list[str], dict[str, tuple]]:
    """Splits names of layers from indices after them: ``"s1/pathway0_stem 0, 1:3"``.

    Returns:
        The names, and the index of each name that has one.

    Raises:
        UserError: as `get_indexing`.
    """
    names, indices = [], {}
    for layer in layer_ls:
        name, _, index = layer.strip().partition(" ")
        names.append(layer_name_prefix + name)
        if index.strip():
            indices[names[-1]] = get_indexing(index)
    return names, indices


class GetWeightAndActivation:
    """Weights and outputs of some layers of a network.

    Args:
        layers: their names, such as ``s5/pathway0_res2``.

    Raises:
        UserError: the network has no such layer.
    """

    def __init__(self, model: nn.Module, layers: Sequence[str]) -> None:
        self.model, self.layers_names = model, list(layers)
        self._layers = inside.layers(unwrap(model), "layers", self.layers_names)

    def get_activations(
        self, input: Sequence[Tensor], bboxes: None = None
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Returns the outputs of the layers by name, and the scores, for the input of the network.

        The network is in evaluation mode afterwards. A layer with several outputs, such as a stage,
        has an entry for each pathway.
        """
        self.model.eval()
        with torch.no_grad(), inside.watched(self._layers) as seen:
            scores = self.model(list(input))
        return seen, scores

    def get_weights(self) -> dict[str, Tensor]:
        """Returns the weights of the layers that have one."""
        weights = {name: getattr(layer, "weight", None) for name, layer in self._layers.items()}
        return {name: weight.data for name, weight in weights.items() if weight is not None}


class GradCAM:
    """Shows the parts of clips that raise the score of a class (Selvaraju et al., ICCV 2017).

    Args:
        model: a network.
        target_layers: the name of one layer a pathway.
        data_mean, data_std: of DATA.MEAN and DATA.STD.
        colormap: a colour map of matplotlib.

    Raises:
        UserError: there is no such layer or colour map.
    """

    def __init__(
        self,
        model: nn.Module,
        target_layers: Sequence[str],
        data_mean: Sequence[float],
        data_std: Sequence[float],
        colormap: str = "viridis",
    ) -> None:
        self.model = unwrap(model).eval()
        self._layers = inside.layers(self.model, "target_layers", target_layers)
        self._mean, self._std = data_mean, data_std
        self._colours = pictures.colormap("colormap", colormap)

    def __call__(
        self, inputs: Sequence[Tensor], labels: Tensor | None = None, alpha: float = 0.5
    ) -> tuple[list[Tensor], Tensor]:
        """Explains the class of each clip.

        Args:
            inputs: a tensor (N, C, T, H, W) a pathway.
            labels: (N,) classes; None: the class with the highest score.
            alpha: the share of the maps in the pictures.

        Returns:
            For each pathway pictures (N, T, C, H, W) in 0..1, and the scores (N, classes).
        """
        with torch.no_grad():
            preds = self.model(list(inputs))
        classes = preds.argmax(dim=1) if labels is None else labels.view(-1)
        shown: list[list[Tensor]] = [[] for _ in inputs]
        for number, own in enumerate(classes.tolist()):
            clip = [pathway[number : number + 1] for pathway in inputs]
            maps = inside.grad_cam(self.model, self._layers, clip, [own])
            for pathway, (x, heat) in enumerate(zip(clip, maps, strict=True)):
                frames = pictures.pixels_of(x[0], self._mean, self._std, rgb=True)
                mixed = pictures.overlaid(frames, heat.numpy(), self._colours, alpha)
                picture = torch.from_numpy(mixed).float().permute(0, 3, 1, 2) / 255
                shown[pathway].append(picture)
        return [torch.stack(each) for each in shown], preds


# ------------------------------------------------------------------ confusions


def get_confusion_matrix(
    preds: Tensor | Sequence[Tensor],
    labels: Tensor | Sequence[Tensor],
    num_classes: int,
    normalize: str | None = "true",
) -> np.ndarray:
    """Returns the confusion matrix (classes, classes): rows are true classes.

    Args:
        preds: (N, classes) scores, or a list of such batches.
        labels: (N,) classes, or a list of such batches; (N, classes) of 0 and 1, which count the
            class with the highest label.
        normalize: ``true``: rows sum to 1; ``pred``: columns; ``all``: everything; None: counts.
            Rows without a clip are 0.
    """
    scores, truth = (
        torch.cat(list(each)) if isinstance(each, (list, tuple)) else each
        for each in (preds, labels)
    )
    truth = truth.argmax(dim=-1) if truth.ndim == 2 else truth
    pairs = (truth.long() * num_classes + scores.argmax(dim=-1)).flatten().cpu()
    counts = torch.bincount(pairs, minlength=num_classes**2).view(num_classes, -1).numpy()
    totals = {
        "true": counts.sum(axis=1, keepdims=True),
        "pred": counts.sum(axis=0, keepdims=True),
        "all": counts.sum(),
    }.get(normalize)
    return counts if totals is None else counts / np.maximum(totals, 1)


def plot_confusion_matrix(
    cmtx: np.ndarray | Tensor,
    num_classes: int,
    class_names: Sequence[str] | None = None,
    figsize: Sequence[float] | None = None,
) -> Any:
    """Returns a figure of matplotlib that shows a confusion matrix."""
    names = class_names or [str(number) for number in range(num_classes)]
    cells = np.asarray(cmtx)
    figure = matplotlib.figure.Figure(figsize=tuple(figsize or (8, 8)), layout="constrained")
    axes = figure.subplots()
    drawing = axes.imshow(cells, cmap="Blues", interpolation="nearest")
    axes.set(title="Confusion matrix", xlabel="predicted", ylabel="true")
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    figure.colorbar(drawing, ax=axes, fraction=0.046)
    if len(names) <= 20:
        middle = cells.max() / 2
        for row, column in itertools.product(range(len(cells)), repeat=2):
            colour = "white" if cells[row, column] > middle else "black"
            text = f"{cells[row, column]:.2g}"
            axes.text(column, row, text, ha="center", va="center", color=colour)
    return figure


def plot_topk_histogram(
    tag: str,
    array: Tensor | np.ndarray,
    k: int = 10,
    class_names: Sequence[str] | None = None,
    figsize: Sequence[float] | None = None,
) -> Any:
    """Returns a figure of matplotlib with the `k` highest values of an array, as bars.

    Args:
        tag: the title.
        array: (classes,) values.
    """
    values = np.asarray(array)
    names = class_names or [str(number) for number in range(len(values))]
    most = np.argsort(-values, kind="stable")[:k]
    figure = matplotlib.figure.Figure(figsize=tuple(figsize or (8, 4)), layout="constrained")
    axes = figure.subplots()
    axes.bar(range(len(most)), values[most])
    axes.set_xticks(range(len(most)), [names[number] for number in most], rotation=90)
    axes.set_title(tag)
    return figure


# ------------------------------------------------------------------ TensorBoard


class TensorboardWriter:
    """Writes events for TensorBoard below OUTPUT_DIR, as the keys of TENSORBOARD say.

    Raises:
        UserError: the package tensorboard is missing, the folder cannot be written, or a file that
            a key names cannot be read.
    """

    def __init__(self, cfg: CfgNode) -> None:
        self._board = Board(cfg, None)
        self._events = Events(log_dir(cfg))

    def add_scalars(self, data_dict: dict[str, float], global_step: int | None = None) -> None:
        """Adds a point to a curve for each entry."""
        for name, value in data_dict.items():
            self._events.write("add_scalar", name, value, global_step)

    def plot_eval(
        self, preds: Sequence[Tensor], labels: Sequence[Tensor], global_step: int | None = None
    ) -> None:
        """Adds the configured confusion matrices and histograms of predictions.

        Args:
            preds: scores (N, classes), or a list of batches.
            labels: (N,) classes or (N, classes) of 0 and 1, or a list of batches.
        """
        scores, truth = (
            torch.cat(list(each)) if isinstance(each, (list, tuple)) else each
            for each in (preds, labels)
        )
        self._board.add_results(scores.cpu().numpy(), truth.cpu().numpy(), global_step or 0)

    def add_video(
        self,
        vid_tensor: Tensor,
        tag: str = "Video Input",
        global_step: int | None = None,
        fps: int = 4,
    ) -> None:
        """Adds videos (N, T, C, H, W), as strips of frames. `fps` is not used."""
        for number, clip in enumerate(vid_tensor.detach().cpu()):
            pixels = clip if clip.dtype == torch.uint8 else (clip.clamp(0, 1) * 255).round()
            frames = pixels.to(torch.uint8).permute(0, 2, 3, 1).numpy()
            picture = pictures.strip(frames).transpose(2, 0, 1)
            self._events.write("add_image", f"{tag}/{number}", picture, global_step)

    def plot_weights_and_activations(
        self,
        weight_activation_dict: dict[str, Tensor],
        tag: str = "",
        normalize: bool = False,
        global_step: int | None = None,
        batch_idx: Sequence[int] | None = None,
        indexing_dict: dict[str, tuple] | None = None,
        heat_map: bool = True,
    ) -> None:
        """Adds weights or activations as pictures (`add_ndim_array`).

        Args:
            batch_idx: the clips to show; None: all.
            indexing_dict: an index for each name; ``{}`` or None: the whole array.
        """
        for name, array in weight_activation_dict.items():
            if batch_idx is not None:
                array = array[list(batch_idx)]
            shown = array[(indexing_dict or {}).get(name, ())]
            label = f"{tag}{name}"
            add_ndim_array(self._events, shown, label, None, normalize, global_step, heat_map)

    def flush(self) -> None:
        """Writes what is buffered."""
        self._events.write("flush")

    def close(self) -> None:
        """Closes the files."""
        self._events.write("close")
        self._board.close()


def _write(writer: Any, method: str, *values: Any) -> None:
    """Calls a method of a SummaryWriter, or of `Events`."""
    if isinstance(writer, Events):
        writer.write(method, *values)
    else:
        getattr(writer, method)(*values)


def add_confusion_matrix(
    writer: Any,
    cmtx: np.ndarray | Tensor,
    num_classes: int,
    global_step: int | None = None,
    subset_ids: Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
    tag: str = "Confusion Matrix",
    figsize: Sequence[float] | None = None,
) -> None:
    """Adds a picture of a confusion matrix to a SummaryWriter.

    Args:
        subset_ids: the classes to show; None: all.
    """
    chosen = list(range(num_classes)) if subset_ids is None else list(subset_ids)
    names = [str(class_names[k]) if class_names else str(k) for k in chosen]
    cells = np.asarray(cmtx)[np.ix_(chosen, chosen)]
    picture = confusion.draw_confusion(cells, names, tuple(figsize or (8, 8)), tag)
    _write(writer, "add_image", tag, picture.transpose(2, 0, 1), global_step)


def plot_hist(
    writer: Any,
    cmtx: np.ndarray | Tensor,
    num_classes: int,
    k: int = 10,
    global_step: int | None = None,
    subset_ids: Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
    figsize: Sequence[float] | None = None,
) -> None:
    """Adds, for each class, a histogram of the `k` classes that are predicted most often."""
    names = class_names or [str(number) for number in range(num_classes)]
    for number in range(num_classes) if subset_ids is None else subset_ids:
        tag = f"Top {k} predictions/{names[number]}"
        figure = plot_topk_histogram(tag, np.asarray(cmtx)[number], k, names, figsize)
        _write(writer, "add_figure", tag, figure, global_step)


def add_ndim_array(
    writer: Any,
    array: Tensor,
    name: str,
    nrow: int | None = None,
    normalize: bool = False,
    global_step: int | None = None,
    heat_map: bool = True,
) -> None:
    """Adds an array as a picture: its last two dimensions are tiles, one beside the other.

    Args:
        nrow: tiles in a row; None: about as many as rows.
        normalize: whether values are scaled to 0..1.
        heat_map: whether values become colours (`add_heatmap`); otherwise they are grey.
    """
    values = array.detach().float().cpu()
    if values.ndim < 2:
        values = values.reshape(1, -1)
    tiles = values.reshape(-1, *values.shape[-2:])
    if heat_map:
        tiles = add_heatmap(tiles)
    elif normalize:
        tiles = pictures.scaled_to_one(tiles)
    from torchvision.utils import make_grid

    shape = tiles if tiles.ndim == 4 else tiles[:, None]
    grid = make_grid(shape, nrow=nrow or max(1, round(len(tiles) ** 0.5)), padding=1)
    _write(writer, "add_image", name, grid.clamp(0, 1), global_step)


def add_heatmap(tensor: Tensor) -> Tensor:
    """Returns colours (N, 3, H, W) in 0..1 of values (N, H, W), on their own scale."""
    values = pictures.scaled_to_one(tensor.detach().cpu()).numpy()
    colours = pictures.coloured(values, matplotlib.colormaps["viridis"])
    return torch.from_numpy(colours).float().movedim(-1, -3) / 255
