"""A small run on the tiny data set."""

import pytest

from slowfast.utils.logging import setup_logging
from tests.engine.conftest import make_small_cfg, small_cfg  # noqa: F401  fixtures


@pytest.fixture(autouse=True)
def _close_log():
    """Tests that follow do not write into the log of a run."""
    yield
    setup_logging()
