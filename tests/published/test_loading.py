"""Each published file loads, passes the checks, and describes a network that can be built."""

import pytest

from tests.published import files
from tests.published.runs import build_whole


@pytest.mark.parametrize("name", files.SERVED)
def test_a_published_file_builds_its_whole_network(name, tmp_path):
    cfg, model = build_whole(name, tmp_path)
    assert any(cfg.MODEL.NUM_CLASSES in parameter.shape for parameter in model.parameters())


def test_the_files_that_are_left_out():
    """They belong to detection and to pre-training without labels, which are not built."""
    reasons = {files.not_served(name) for name in files.PUBLISHED} - {""}
    assert len(reasons) == 3
    assert len(files.PUBLISHED) == 111
    assert len(files.SERVED) == 90
