"""Every network agrees with the published implementation, as tests/reference/models records it."""

import pytest
import torch

from reference_parts.comparison import compare
from reference_parts.files import REFERENCE, kind_of, names_in, read
from reference_parts.networks import values


@pytest.fixture(autouse=True)
def _threads_as_before():
    """Making values sets the number of threads, which the tests that follow have another of."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def reference_cases():
    for name in names_in(REFERENCE, ["models/*"]):
        # 64 frames: several times as long as all others together.
        marks = [pytest.mark.slow] if "16x8" in name else []
        yield pytest.param(name, id=name.removeprefix("models/"), marks=marks)


@pytest.mark.parametrize("name", reference_cases())
def test_agrees_with_the_published_network(name):
    expected = read(REFERENCE, name)
    found = compare(expected, values(expected, name), kind_of(name).agreement)
    assert not found.wrong
    assert not found.extra
    assert not found.unmeasured
