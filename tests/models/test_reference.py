"""Networks agree with the values of the published implementation in tests/reference/models."""

import pytest
import torch

from reference_parts.comparison import compare
from reference_parts.files import REFERENCE, kind_of, names_in, read
from reference_parts.networks import values


@pytest.fixture(autouse=True)
def _restore_threads():
    """`values` changes the number of threads. Other tests need the old number."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def reference_cases():
    for name in names_in(REFERENCE, ["models/*"]):
        # 64 frames take several times as long as all other networks together.
        marks = [pytest.mark.slow] if "16x8" in name else []
        yield pytest.param(name, id=name.removeprefix("models/"), marks=marks)


@pytest.mark.parametrize("name", reference_cases())
def test_agrees_with_the_published_network(name):
    expected = read(REFERENCE, name)
    found = compare(expected, values(expected, name), kind_of(name).agreement)
    assert not found.wrong
    assert not found.extra
    assert not found.unmeasured
