"""The configuration that the tests of checkpoints share."""

import pytest

import slowfast.datasets  # noqa: F401 -- registers the data sets of configurations
from tests.checkpoints.checkpoint_cases import make_cfg


@pytest.fixture
def cfg(tmp_path):
    return make_cfg(tmp_path)
