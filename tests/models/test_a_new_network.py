"""One new file in slowfast/models is enough for a new network."""

import json
from pathlib import Path

import pytest

import slowfast.models
from slowfast.ak.registries.registry import import_all
from slowfast.config.checks import problems, warnings
from slowfast.config.defaults import get_cfg
from slowfast.config.explain import explain
from slowfast.engine.testing import test as run_test
from slowfast.engine.training import train

NEW_FILE = '''
from typing import Annotated

from torch import nn

from slowfast.ak.keys import Limits
from slowfast.models.build import MODEL_REGISTRY
from slowfast.models.layers.head import HeadSpec, PoolHead
from slowfast.models.network import Network, Pathways


def _problems(cfg):
    if cfg.DATA.NUM_FRAMES > 8:
        yield "DATA.NUM_FRAMES", "expected at most 8"


@MODEL_REGISTRY.register(archs=("mine",), pathways=1, own_keys=("MINE.",), problems=_problems)
def Mine(cfg, width: Annotated[int, Limits(low=1)] = 8, strides: list = [4, 4]):
    """A network of one convolution.

    Args:
        width: channels of the convolution.
        strides: strides in height and width.
    """
    conv = nn.Conv3d(3, width, 1, stride=(1, *strides))
    head = PoolHead([width], HeadSpec.from_cfg(cfg), [(cfg.DATA.NUM_FRAMES, 2, 2)])
    return Network({"s1": Pathways([{"conv": conv}]), "head": head}, [3])
'''


@pytest.fixture
def _new_network(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "mine.py").write_text(NEW_FILE)
    monkeypatch.setattr(slowfast.models, "__path__", [*slowfast.models.__path__, str(folder)])
    import_all(slowfast.models)
    yield
    del slowfast.models.MODEL_REGISTRY["Mine"]


@pytest.mark.usefixtures("_new_network")
def test_a_new_file_is_configured_explained_checked_trained_and_reported(tiny_ak, tmp_path, caplog):
    assert "MINE.WIDTH: 8" in explain("mine.width")
    assert "Channels of the convolution." in explain("mine.width")
    assert "Mine" in explain("MODEL.MODEL_NAME")

    cfg = get_cfg()
    output = ["OUTPUT_DIR", str(tmp_path / "run"), "SOLVER.MAX_EPOCH", 1, "TRAIN.BATCH_SIZE", 4]
    cfg.merge_from_list([*tiny_ak.opts(), *output, "MODEL.MODEL_NAME", "Mine"])
    cfg.merge_from_list(["DATA.NUM_FRAMES", 16, "MINE.WIDTH", 0])
    assert [line.split(" = ")[0].split(": ")[-1] for line in problems(cfg)] == [
        "MINE.WIDTH",
        "MODEL.ARCH",
        "DATA.NUM_FRAMES",
    ]
    cfg.merge_from_list(["DATA.NUM_FRAMES", 4, "MINE.WIDTH", 6, "MODEL.ARCH", "mine"])
    cfg.merge_from_list(["X3D.DIM_C1", 24])
    assert problems(cfg) == []
    assert any("X3D.DIM_C1" in line for line in warnings(cfg))

    conv = slowfast.models.build_model(cfg).s1.pathway0_conv
    assert (conv.out_channels, conv.stride) == (6, (1, 4, 4))
    with caplog.at_level("INFO"):
        train(cfg)
        run_test(cfg)
    assert "Model Mine (mine)" in caplog.text
    lines = Path(cfg.OUTPUT_DIR, "json_stats.log").read_text().splitlines()
    stats = [json.loads(line.removeprefix("json_stats: ")) for line in lines]
    assert any(line.get("_type") == "train_epoch" for line in stats)
    assert any(line.get("split") == "test_final" for line in stats)
    assert Path(cfg.OUTPUT_DIR, "report", "index.html").is_file()
