"""Charades: a list has a line for each frame; an item is a view of a clip."""

import csv
from pathlib import Path

import cv2
import numpy as np
import torch
from slowfast import flavour
from slowfast.datasets import utils
from slowfast.datasets.build import DATASET_REGISTRY
from torch.utils.data import Dataset


@DATASET_REGISTRY.register()
class Charades(Dataset):
    def __init__(self, cfg, split):
        self.cfg, self.mode, self.views = cfg, split, 1
        if split == "test":
            self.views = cfg.TEST.NUM_ENSEMBLE_VIEWS * cfg.TEST.NUM_SPATIAL_CROPS
        name = "train.csv" if split == "train" else "val.csv"
        self.frames, self.classes = {}, {}
        with Path(cfg.DATA.PATH_TO_DATA_DIR, name).open() as file:
            for row in csv.DictReader(file, delimiter=" "):
                clip = row["original_vido_id"]
                self.frames.setdefault(clip, []).append(Path(cfg.DATA.PATH_PREFIX, row["path"]))
                found = {int(label) for label in row["labels"].split(",") if label}
                self.classes.setdefault(clip, set()).update(found)
        self.names = list(self.frames)

    @property
    def num_videos(self):
        return len(self.names) * self.views

    def __len__(self):
        return self.num_videos

    def __getitem__(self, index):
        name, (data, view) = self.names[index // self.views], (self.cfg.DATA, index % self.views)
        paths = self.frames[name]
        window = (data.NUM_FRAMES - 1) * data.SAMPLING_RATE
        room = max(0, len(paths) - 1 - window)
        share = np.random.random() if self.mode == "train" else (view + 0.5) / self.views
        wanted = int(room * share) + np.arange(data.NUM_FRAMES) * data.SAMPLING_RATE
        size = data.TEST_CROP_SIZE if self.mode == "test" else data.TRAIN_CROP_SIZE
        images = [
            cv2.resize(cv2.imread(str(paths[min(i, len(paths) - 1)])), (size, size)) for i in wanted
        ]
        pixels = torch.from_numpy(np.stack(images)).float().div(255.0)
        pixels = (pixels - torch.tensor(data.MEAN)) / torch.tensor(data.STD)
        label = np.zeros(self.cfg.MODEL.NUM_CLASSES, dtype=np.float32)
        label[sorted(self.classes[name])] = 1.0
        pathways = utils.pack_pathway_output(self.cfg, pixels.permute(3, 0, 1, 2))
        return (pathways, label, index, *flavour.ITEM_ENDS_WITH)
