"""Each published file loads, passes the checks, and describes a network that can be built."""

import pytest
import torch

from slowfast.models import build_model
from tests.published import files
from tests.published.runs import ON_THE_CPU, configured


@pytest.mark.parametrize("name", files.SERVED)
def test_a_published_file_builds_its_whole_network(name, tmp_path):
    """A network on the device `meta` has all of its parameters, without values."""
    settings = dict(ON_THE_CPU)
    if not any(files.PUBLISHED[name].get(f"{phase}.ENABLE", True) for phase in ("TRAIN", "TEST")):
        settings["TEST.ENABLE"] = True  # the file of the demo, which is tools/predict.py here
    cfg = configured(name, tmp_path, settings)
    # The builder of pytorchvideo's MViT reads the values of tensors.
    device = "cpu" if cfg.MODEL.MODEL_NAME == "PTVMViT" else "meta"
    with torch.device(device):
        model = build_model(cfg)
    assert all(parameter.device.type == device for parameter in model.parameters())
    assert any(cfg.MODEL.NUM_CLASSES in parameter.shape for parameter in model.parameters())


def test_the_files_that_are_left_out():
    """They belong to detection and to pre-training without labels, which are not built."""
    reasons = {files.not_served(name) for name in files.PUBLISHED} - {""}
    assert len(reasons) == 3
    assert len(files.PUBLISHED) == 111
    assert len(files.SERVED) == 90
