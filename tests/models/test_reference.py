"""Networks agree with the values of the published implementation in tests/reference/models.

`make test` has one recipe of each architecture, the quickest. `make test-all` has all recipes.
"""

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


# Other recipes of the architectures of AK's I3D and SlowFast, of X3D_XS, and of MViT, and larger
# networks of pytorchvideo.
MORE_OF_THE_SAME = {
    "models/AK__X3D_L.json",
    "models/Charades__SLOWFAST_16x8_R50.json",
    "models/Kinetics__I3D_8x8_R50.json",
    "models/Kinetics__SLOWFAST_4x16_R50.json",
    "models/Kinetics__SLOWFAST_8x8_R50.json",
    "models/Kinetics__X3D_M.json",
    # MViT: ImageNet__MVITv2_T and ImageNet__REV_VIT_S are the quickest.
    "models/ImageNet__MVIT_B_16_CONV.json",
    "models/ImageNet__RES_R50.json",
    "models/Kinetics__MVIT_B_16x4_CONV.json",
    "models/Kinetics__MVITv2_S_16x4.json",
    "models/Kinetics__REV_MVIT_B_16x4_CONV.json",
    "models/SSv2__MVITv2_S_16x4.json",
    "models/masked_ssl__k400_VIT_B_16x4_FT.json",
    "models/Kinetics__c2__C2D_NOPOOL_8x8_R50.json",
    "models/Kinetics__pytorchvideo__CSN_32x2_R101.json",
    "models/Kinetics__pytorchvideo__MVIT_B_16x4_CONV.json",
    "models/Kinetics__pytorchvideo__SLOWFAST_8x8_R50.json",
    "models/Kinetics__pytorchvideo__X3D_S.json",
}


def reference_cases():
    for name in names_in(REFERENCE, ["models/*"]):
        marks = [pytest.mark.slow] if name in MORE_OF_THE_SAME else []
        yield pytest.param(name, id=name.removeprefix("models/"), marks=marks)


@pytest.mark.parametrize("name", reference_cases())
def test_agrees_with_the_published_network(name):
    expected = read(REFERENCE, name)
    found = compare(expected, values(expected, name), kind_of(name).agreement)
    assert not found.wrong
    assert not found.extra
    assert not found.unmeasured
