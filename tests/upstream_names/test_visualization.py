"""Layers, Grad-CAM, confusions and TensorBoard with upstream's arguments."""

import numpy as np
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.models import build_model
from slowfast.visualization import tensorboard_vis, utils
from slowfast.visualization.gradcam_utils import GradCAM

LAYERS = ["s5/pathway0_res1", "s5/pathway1_res1"]


@pytest.fixture
def clips() -> list[torch.Tensor]:
    return [torch.randn(2, 3, 1, 32, 32), torch.randn(2, 3, 4, 32, 32)]


def test_inside_a_network(small, clips):
    model = build_model(small)
    assert utils.get_layer(model, LAYERS[0]) is model.s5.pathway0_res1
    with pytest.raises(UserError, match="no layer 's5/pathway0_res9'; did you mean"):
        utils.get_layer(model, "s5/pathway0_res9")
    assert utils.get_indexing("1, 2:5,:") == (1, slice(2, 5), slice(None))
    with pytest.raises(UserError, match="'one' is not an index"):
        utils.get_indexing("one")
    names, indices = utils.process_layer_index_data(["s1/pathway0_stem 0, 1:3", "s5"], "a/")
    assert names == ["a/s1/pathway0_stem", "a/s5"]
    assert indices == {"a/s1/pathway0_stem": (0, slice(1, 3))}
    inside = utils.GetWeightAndActivation(model, ["s1/pathway0_stem/conv", "s5"])
    seen, scores = inside.get_activations(clips)
    assert scores.shape == (2, 5)
    assert seen["s1/pathway0_stem/conv"].shape == (2, 4, 1, 16, 16)
    assert {"s5, pathway 0", "s5, pathway 1"} < seen.keys()
    assert inside.get_weights().keys() == {"s1/pathway0_stem/conv"}


def test_grad_cam(small, clips):
    model = build_model(small)
    explain = GradCAM(model, LAYERS, small.DATA.MEAN, small.DATA.STD)
    (slow, fast), scores = explain(clips, labels=torch.tensor([1, 2]))
    assert slow.shape == (2, 1, 3, 32, 32)
    assert fast.shape == (2, 4, 3, 32, 32)
    assert 0 <= fast.min() < fast.max() <= 1
    torch.testing.assert_close(scores, model.eval()(clips))
    with pytest.raises(UserError, match="no colour map"):
        GradCAM(model, LAYERS, small.DATA.MEAN, small.DATA.STD, colormap="virids")


def test_confusions():
    scores = torch.eye(3)[[0, 1, 1, 0]]
    labels = torch.tensor([0, 1, 1, 1])
    shares = utils.get_confusion_matrix([scores[:2], scores[2:]], [labels[:2], labels[2:]], 3)
    assert np.allclose(shares, [[1, 0, 0], [1 / 3, 2 / 3, 0], [0, 0, 0]])
    counts = utils.get_confusion_matrix(scores, labels, 3, normalize=None)
    assert counts.tolist() == [[1, 0, 0], [1, 2, 0], [0, 0, 0]]
    hot = torch.nn.functional.one_hot(labels, 3)
    assert np.array_equal(utils.get_confusion_matrix(scores, hot, 3, normalize=None), counts)
    figure = utils.plot_confusion_matrix(shares, 3, ["a", "b", "c"])
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["a", "b", "c"]
    figure = utils.plot_topk_histogram("best", torch.tensor([0.1, 0.7, 0.2]), k=2)
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["1", "2"]


def test_tensorboard(small, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    small.OUTPUT_DIR = str(tmp_path)
    small.TENSORBOARD.CONFUSION_MATRIX.ENABLE = True
    writer = tensorboard_vis.TensorboardWriter(small)
    writer.add_scalars({"Train/loss": 0.5}, global_step=3)
    writer.plot_eval([torch.rand(4, 5)], [torch.eye(5)[:4]], global_step=3)
    writer.add_video(torch.rand(1, 2, 3, 8, 8), tag="Input", global_step=3)
    activations = {"s1": torch.rand(2, 4, 1, 8, 8)}
    writer.plot_weights_and_activations(
        activations, tag="Act/", batch_idx=[0], indexing_dict={"s1": (0, 1)}, global_step=3
    )
    tensorboard_vis.add_confusion_matrix(
        writer._events, np.eye(3), 3, 3, subset_ids=[0, 2], class_names=["a", "b", "c"]
    )
    tensorboard_vis.plot_hist(writer._events, np.eye(3), 3, k=2, subset_ids=[1])
    tensorboard_vis.add_ndim_array(writer._events, torch.rand(2, 4, 4), "Grey", heat_map=False)
    writer.flush()
    writer.close()
    (folder,) = tmp_path.iterdir()
    tags = set()
    for file in folder.iterdir():
        events = EventAccumulator(str(file)).Reload()
        tags |= {*events.Tags()["scalars"], *events.Tags()["images"]}
    assert {"Train/loss", "Input/0", "Act/s1", "Confusion Matrix", "Grey"} <= tags
    assert "Top 2 predictions/1" in tags
    colours = tensorboard_vis.add_heatmap(torch.tensor([[[0.0, 1.0]]]))
    assert colours.shape == (1, 3, 1, 2)
    assert not torch.equal(colours[..., 0], colours[..., 1])
