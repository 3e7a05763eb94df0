"""The loader of a split for this process."""

from slowfast.datasets import utils
from slowfast.datasets.build import build_dataset
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler
from torch.utils.data.sampler import RandomSampler


def construct_loader(cfg, split, is_precise_bn=False):
    assert split in ("train", "val", "test")
    part, shuffle = (cfg.TEST if split == "test" else cfg.TRAIN), split == "train"
    dataset = build_dataset(part.DATASET, cfg, split)
    sampler = utils.create_sampler(dataset, shuffle, cfg)
    return DataLoader(
        dataset,
        part.BATCH_SIZE // max(1, cfg.NUM_GPUS),
        drop_last=shuffle,
        sampler=sampler,
        shuffle=shuffle and sampler is None,
        pin_memory=cfg.DATA_LOADER.PIN_MEMORY,
        num_workers=cfg.DATA_LOADER.NUM_WORKERS,
    )


def shuffle_dataset(loader, cur_epoch):
    sampler = loader.sampler
    assert isinstance(sampler, (RandomSampler, DistributedSampler)), f"not for {type(sampler)}"
    if isinstance(sampler, DistributedSampler):
        sampler.set_epoch(cur_epoch)
