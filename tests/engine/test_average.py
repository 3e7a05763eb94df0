"""The running average of weights."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

from slowfast.ak.norms.sync import SyncBatchNorm3d
from slowfast.engine.average import AveragedWeights
from slowfast.models.batchnorm_helper import SubBatchNorm3d


def move(model, value):
    """Sets all weights and running statistics."""
    with torch.no_grad():
        for tensor in model.state_dict(keep_vars=True).values():
            tensor.fill_(value)


def test_the_average_follows_its_formula():
    model = nn.Sequential(nn.Conv3d(1, 2, 1), nn.BatchNorm3d(2))
    move(model, 0)
    average = AveragedWeights(model, 0.9)
    expected = 0.0
    for value in (1, 2, 5):
        move(model, value)
        average.update()
        expected = 0.9 * expected + 0.1 * value
    state = average.state_dict()
    assert state.keys() == model.state_dict().keys()
    for name, value in state.items():
        wanted = 5 if name.endswith("num_batches_tracked") else expected
        assert torch.allclose(value.double(), torch.tensor(float(wanted)).double()), name
    assert not any(p.requires_grad for p in average.network.parameters())
    assert all(float(p.detach().max()) == 5 for p in model.parameters()), (
        "the model does not change"
    )


def test_sub_batch_norm_evaluates_with_averaged_statistics():
    model = nn.Sequential(SubBatchNorm3d(2, num_splits=2))
    average = AveragedWeights(model, 0.5)
    for value, expected in ((4.0, 2.0), (6.0, 4.0)):
        model[0].split_bn.running_mean.fill_(value)
        average.update()
        network = average.network.eval()
        assert network[0].bn.running_mean.tolist() == [expected, expected]


@pytest.fixture
def one_process(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/join", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("one_process")
def test_norms_keep_their_process_group_and_wrapping_changes_no_name():
    model = nn.Sequential(SyncBatchNorm3d(2, process_group=dist.new_group([0])))
    average = AveragedWeights(nn.parallel.DistributedDataParallel(model), 0.5)
    assert average.network[0].process_group is model[0].process_group
    assert average.state_dict().keys() == model.state_dict().keys()
