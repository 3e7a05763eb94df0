"""Data sets are found by name, also data sets of users."""

import pytest
from torch.utils.data import Dataset

from slowfast.ak.clips.animal_kingdom import Ak
from slowfast.ak.errors import UserError
from slowfast.datasets import DATASET_REGISTRY, build_dataset
from slowfast.datasets.charades import Charades


def test_a_name_is_found_in_upper_and_lower_case(cfg):
    assert type(build_dataset("ak", cfg, "train")) is Ak
    assert type(build_dataset("charades", cfg, "val")) is Charades


def test_own_data_sets_can_be_registered(monkeypatch):
    monkeypatch.setattr(DATASET_REGISTRY, "_entries", dict(DATASET_REGISTRY._entries))

    @DATASET_REGISTRY.register()
    class MyZoo(Dataset):
        def __init__(self, cfg, split):
            self.split = split

    assert build_dataset("myzoo", None, "test").split == "test"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError, match=r"did you mean [kK]inetics"):
        build_dataset("kinetcs", None, "train")
