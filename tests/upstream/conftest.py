"""Fixtures: one prepared checkout for each branch, for all tests of a session."""

import pytest

from tests.upstream.bed import Bed
from tests.upstream.checkouts import BRANCHES

collect_ignore = ["lookalike"]  # `test_net.py` of a look-alike is no test


@pytest.fixture(scope="session", params=BRANCHES)
def applied(request, tmp_path_factory, tiny_ak) -> Bed:
    """A checkout to which the script was applied."""
    return Bed(request.param, tmp_path_factory.mktemp("bed"), tiny_ak)
