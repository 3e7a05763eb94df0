"""ImageNet: images in folders by class, with the pixels of upstream's validation."""

import json
import runpy
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from slowfast.ak.clips.augmentation import ColourJitter, RandAugment, RandomErasing
from slowfast.ak.clips.bad_clips import from_meta
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.clips.sampling import scale
from slowfast.config.checks import problems, warnings
from slowfast.config.defaults import get_cfg
from slowfast.data_tools.check_data import DataPlaces, check_data
from slowfast.datasets.build import build_dataset
from slowfast.datasets.imagenet import Imagenet, image_transform
from slowfast.datasets.loader import construct_loader
from tests.media import write_image_tree

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference/imagenet_transforms.json").read_text()
)
NAMES = {"RandAugment": RandAugment, "ColorJitter": ColourJitter, "RandomErasing": RandomErasing}
SPLITS = ("train", "val")
GREY_LEVEL = 1 / 255 / 0.224


def make_cfg(folder: Path | str = "", **settings):
    """The published settings of images, for a tree of small images."""
    cfg = get_cfg()
    settings = {
        "TRAIN.DATASET": "imagenet",
        "TEST.DATASET": "imagenet",
        "DATA.PATH_TO_DATA_DIR": str(folder),
        "DATA.NUM_FRAMES": 1,
        "DATA.INPUT_CHANNEL_NUM": [3],
        "DATA.MEAN": [0.485, 0.456, 0.406],
        "DATA.STD": [0.229, 0.224, 0.225],
        "MODEL.MODEL_NAME": "ResNet",
        "MODEL.ARCH": "2d",
        "MODEL.NUM_CLASSES": 3,
        "NUM_GPUS": 0,
        "DATA_LOADER.NUM_WORKERS": 0,
        "TRAIN.BATCH_SIZE": 2,
        **settings,
    }
    cfg.merge_from_list([part for pair in settings.items() for part in pair])
    return cfg


small = partial(make_cfg, **{"DATA.TRAIN_CROP_SIZE": 24, "DATA.TEST_CROP_SIZE": 32})


@pytest.fixture
def tree(tmp_path):
    """A folder with nine images for training and four for validation, of three classes."""
    images = {"train": {"ant": 3, "bee": 4, "cow": 2}, "val": {"ant": 1, "cow": 3}}
    write_image_tree(tmp_path, images)
    return tmp_path


# ------------------------------------------------------------------ the pixels of upstream


@pytest.fixture(scope="module")
def reference_images(tmp_path_factory):
    """A tree with the images of the reference file; returns it and the index of each size."""
    folder = tmp_path_factory.mktemp("reference")
    sizes = sorted({(case["height"], case["width"]) for case in cases("augmented", "plain")})
    (folder / "val" / "only").mkdir(parents=True)
    for number, (height, width) in enumerate(sizes):
        y, x = np.mgrid[:height, :width]
        colours = [127 + 120 * np.sin(x / 17), 127 + 120 * np.cos(y / 23), x * 255 / width]
        picture = np.clip(np.dstack(colours), 0, 255).astype(np.uint8)
        file = folder / "val" / "only" / f"{number}.png"
        cv2.imwrite(str(file), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return folder, sizes


def cases(*kinds: str) -> list[dict]:
    return [case for kind in kinds for case in REFERENCE[kind]]


def image_input(case: dict, reference_images, **settings) -> np.ndarray:
    """The input (3, H, W) of a network for the validation image of a case."""
    folder, sizes = reference_images
    keys = {key: value for key, value in case.items() if key.startswith("DATA.")}
    cfg = make_cfg(folder, **{"MODEL.NUM_CLASSES": 1, **keys, **settings})
    (clip,), *_ = Imagenet(cfg, "val")[(0, sizes.index((case["height"], case["width"])))]
    assert clip.dtype == torch.uint8
    (batch,) = InputTransform.from_cfg(cfg)(clip[None])
    return batch[0, :, 0].numpy()


def sampled(image: np.ndarray, case: dict) -> tuple[list[float], list[float]]:
    found = [float(image[tuple(map(int, place.split(",")))]) for place in case["samples"]]
    return found, list(case["samples"].values())


def test_validation_with_augmentation_has_the_pixels_of_upstream(reference_images):
    for case in cases("augmented"):
        if "samples" not in case:
            continue
        image = image_input(case, reference_images, **{"AUG.ENABLE": True})
        assert list(image.shape) == case["shape"]
        found, expected = sampled(image, case)
        assert found == pytest.approx(expected, abs=1e-5)
        assert image.mean(axis=(1, 2)) == pytest.approx(case["mean"], abs=1e-5)
        assert image.std(axis=(1, 2)) == pytest.approx(case["std"], abs=2e-5)


def test_validation_with_augmentation_has_the_sizes_and_corners_of_upstream():
    for case in cases("augmented"):
        keys = {key: value for key, value in case.items() if key.startswith("DATA.")}
        transform = image_transform(make_cfg(**{"AUG.ENABLE": True, **keys}), "val")
        crop = transform.draw(np.random.default_rng(0), case["height"], case["width"])
        assert list(crop.size) == case["resized_height_width"]
        corner = case.get("crop_top_left_height_width", [0, 0, *case["resized_height_width"]])
        assert [crop.y0, crop.x0, crop.side, crop.side] == corner


def test_validation_without_augmentation_differs_by_the_rounding_to_bytes(reference_images):
    """Clips are bytes until they are on the device, and upstream's images become floats first."""
    for case in cases("plain"):
        if "samples" not in case:
            continue
        image = image_input(case, reference_images)
        assert list(image.shape) == case["shape"]
        found, expected = sampled(image, case)
        assert found == pytest.approx(expected, abs=0.51 * GREY_LEVEL)
        assert image.mean(axis=(1, 2)) == pytest.approx(case["mean"], abs=1e-3)


def test_the_recipe_of_resnet_50_sees_a_square(reference_images):
    """Upstream scales the short side to 224 and crops 256, which leaves 16 rows of the image."""
    by_sizes = {
        (c["height"], c["width"], c["DATA.TRAIN_CROP_SIZE"], c["DATA.TEST_CROP_SIZE"]): c
        for c in cases("plain")
    }
    wrong, right = by_sizes[375, 500, 224, 256], by_sizes[375, 500, 256, 224]
    assert wrong["shape"] == [3, 16, 256]
    image = image_input(wrong, reference_images)
    assert list(image.shape) == right["shape"] == [3, 224, 224]
    found, expected = sampled(image, right)
    assert found == pytest.approx(expected, abs=0.51 * GREY_LEVEL)


@pytest.mark.parametrize("case", REFERENCE["train"], ids=lambda case: case["AUG.AA_TYPE"] or "none")
def test_training_with_augmentation_takes_the_steps_of_upstream(case):
    keys = {key: value for key, value in case.items() if "." in key}
    transform = image_transform(make_cfg(**{"AUG.ENABLE": True, **keys}), "train")
    changes = [NAMES[step] for step in case["steps"] if step in NAMES]
    assert [type(change) for change in transform.changes] == changes
    crop = transform.crop
    assert (list(crop.scales), list(crop.ratios)) == (case["scale"], case["ratio"])
    assert crop.flip
    assert not crop.uniform_ratio
    # Upstream ignores the values that are given. Here they count.
    keys |= case["given"]
    crop = image_transform(make_cfg(**{"AUG.ENABLE": True, **keys}), "train").crop
    assert [list(crop.scales), list(crop.ratios)] == list(case["given"].values())


def test_training_without_augmentation_changes_colours_and_light():
    """The recipe of ResNets: the aspect ratio is uniform, and cv2 scales."""
    given = {"DATA.TRAIN_JITTER_SCALES_RELATIVE": [0.3, 0.5], "DATA.TRAIN_PCA_EIGVAL": [9, 0, 0]}
    given |= {"DATA.TRAIN_JITTER_ASPECT_RELATIVE": [0.9, 1.1]}
    transform = image_transform(make_cfg(**given), "train")
    jitter, lighting = transform.changes
    assert (jitter.strength, lighting.deviation, lighting.eigenvalues) == (0.4, 0.1, (9, 0, 0))
    crop = transform.crop
    assert (crop.scales, crop.ratios, crop.uniform_ratio, crop.resize) == (
        *((0.3, 0.5), (0.9, 1.1)),
        *(True, scale),
    )
    crop = image_transform(make_cfg(), "train").crop
    assert (crop.scales, crop.ratios) == ((0.08, 1.0), (0.75, 4 / 3))


# ------------------------------------------------------------------ items


@pytest.mark.parametrize("augments", [False, True])
def test_items_depend_on_epoch_and_index_alone(tree, augments):
    cfg = small(tree, **{"AUG.ENABLE": augments, "AUG.RE_PROB": 1.0})
    assert isinstance(build_dataset("imagenet", cfg, "train"), Imagenet)

    def batches(workers: int, epoch: int) -> list:
        cfg.DATA_LOADER.NUM_WORKERS = workers
        loader = construct_loader(cfg, "train")
        loader.sampler.set_epoch(epoch)
        return [(inputs[0], labels) for inputs, labels, *_ in loader]

    plain = batches(0, 1)
    assert [tuple(clips.shape) for clips, _ in plain] == [(2, 3, 1, 24, 24)] * 4
    for (clips, labels), (same, same_labels) in zip(plain, batches(2, 1), strict=True):
        assert torch.equal(clips, same)
        assert torch.equal(labels, same_labels)
    assert not all(torch.equal(a, b) for (a, _), (b, _) in zip(plain, batches(0, 2), strict=True))
    # The colour of a class is its brightest: classes and images belong together, in RGB.
    dataset = Imagenet(cfg, "val")
    for index in range(4):
        (clip,), label, *_ = dataset[(0, index)]
        assert clip.float().mean(dim=(1, 2, 3)).argmax() == 2 - label


@pytest.mark.parametrize("augments", [False, True])
def test_a_test_shows_the_image_of_validation_once(tree, augments):
    cfg = small(tree, **{"AUG.ENABLE": augments})
    val, test = Imagenet(cfg, "val"), Imagenet(cfg, "test")
    assert (len(val), len(test), test.num_videos) == (4, 4, 4)
    for index in range(4):
        (views,), label, *_ = test[(0, index)]
        (clip,), same_label, *_ = val[(7, index)]
        assert len(views) == 1
        assert torch.equal(views.batch(0, 1)[0], clip)
        assert label == same_label
    assert test.clip_name(0) == "val/ant/ant_0.JPEG"
    whole = test.load_image(str(tree / test.clip_name(0)))
    assert (whole.shape, whole.mean(dim=(1, 2)).argmax()) == ((3, 40, 52), 2)


def test_an_item_can_have_several_augmented_images(tree):
    cfg = small(tree, **{"AUG.ENABLE": True, "AUG.NUM_SAMPLE": 3})
    clips, labels, *_ = Imagenet(cfg, "train")[(0, 8)]
    assert [tuple(clip.shape) for clip in clips] == [(3, 1, 24, 24)] * 3
    assert labels == [2] * 3
    assert not torch.equal(clips[0], clips[1])
    assert len(Imagenet(cfg, "val")[(0, 0)][0]) == 1


def test_a_large_image_is_scaled_without_aliasing(tmp_path):
    """Pillow averages a checkerboard to grey; cv2 would pick single pixels."""
    (tmp_path / "train" / "a").mkdir(parents=True)
    board = np.indices((512, 512)).sum(axis=0) % 2 * 255
    cv2.imwrite(str(tmp_path / "train" / "a" / "a.png"), np.dstack([board] * 3).astype(np.uint8))
    settings = {"AUG.ENABLE": True, "AUG.AA_TYPE": "", "AUG.COLOR_JITTER": 0.0, "AUG.RE_PROB": 0.0}
    settings |= {"DATA.TRAIN_JITTER_SCALES_RELATIVE": [0.9, 1.0], "MODEL.NUM_CLASSES": 1}
    settings |= {"DATA.TRAIN_JITTER_ASPECT_RELATIVE": [0.95, 1.05]}
    (clip,), *_ = Imagenet(small(tmp_path, **settings), "train")[(0, 0)]
    assert (clip.float() - 127.5).abs().max() < 6


def test_images_that_cannot_be_read_are_replaced_in_training_and_left_out_of_a_test(tree):
    cfg = small(tree)
    for path in ("train/bee/bee_0.JPEG", "val/cow/cow_1.JPEG"):
        (tree / path).write_bytes(b"no image")
    dataset = Imagenet(cfg, "train")
    names = [dataset.clip_name(index) for index in range(len(dataset))]
    broken = names.index("train/bee/bee_0.JPEG")
    _, _, index, _, meta = dataset[(0, broken)]
    assert index != broken
    (problem,) = from_meta(meta)
    assert problem.kind == "bad"
    assert "bee_0.JPEG: cannot read this frame of clip train/bee/bee_0.JPEG" in problem.reason
    (problem,) = from_meta(Imagenet(cfg, "test")[(0, 2)][-1])
    assert problem.kind == "missing"


def test_a_hold_out_keeps_images_from_training(tree, capsys):
    tool = runpy.run_path(str(Path(__file__).parents[2] / "tools/make_holdout.py"))["main"]
    assert tool([str(tree), "--share", "0.3"]) == 0
    assert "3 of 3 classes have clips on both sides" in capsys.readouterr().out
    cfg = small(tree, **{"AK.HOLDOUT": str(tree / "holdout.txt")})
    train, val = (
        {d.clip_name(i) for i in range(len(d))} for d in map(partial(Imagenet, cfg), SPLITS)
    )
    assert (len(train), len(val), len(train & val)) == (6, 3, 0)


def test_check_data_looks_at_every_image(tree):
    (tree / "train" / "bee" / "bee_0.JPEG").write_bytes(b"no image")
    report = check_data(DataPlaces.from_cfg(small(tree)), "decode")
    assert [count["clips"] for count in report.lists.values()] == [9, 4]
    (fault,) = report.faults
    assert (fault.clip, fault.kind, fault.line) == ("train/bee/bee_0.JPEG", "unreadable", 0)


# ------------------------------------------------------------------ the configuration


@pytest.mark.parametrize(
    ("settings", "key", "words"),
    [
        ({"DATA.NUM_FRAMES": 8}, "DATA.NUM_FRAMES", "an image is a clip of one frame; set it to 1"),
        ({"DATA.MULTI_LABEL": True}, "DATA.MULTI_LABEL", "each image has one class"),
        ({"DATA.IN_VAL_CROP_RATIO": 1.2, "AUG.ENABLE": True}, "DATA.IN_VAL_CROP_RATIO", "most 1"),
        ({"DATA.TRAIN_PCA_EIGVEC": [[1], [2], [3]]}, "DATA.TRAIN_PCA_EIGVEC", "three rows of"),
        ({"DATA.PATH_TO_PRELOAD_IMDB": "x"}, "DATA.PATH_TO_PRELOAD_IMDB", "not built here"),
        ({"TRAIN.DATASET": "imagenetprefetch"}, "TRAIN.DATASET", "imagenet reads the same images"),
    ],
)
def test_settings_that_images_cannot_have_are_refused(settings, key, words):
    assert any(key in text and words in text for text in problems(small(**settings)))


def test_settings_of_clips_do_not_matter():
    """The default scales of clips, 256 to 320, are below this crop."""
    cfg = small(**{"DATA.TRAIN_CROP_SIZE": 384})
    assert not problems(cfg)
    assert not [text for text in warnings(cfg) if "TEST.NUM" in text or "JITTER" in text]
    more = {"TEST.NUM_ENSEMBLE_VIEWS": 5, "DATA.TRAIN_JITTER_SCALES": [300, 400]}
    found = "\n".join(warnings(small(**more)))
    assert "TEST.NUM_ENSEMBLE_VIEWS = 5: not read: an image has one view" in found
    assert "SCALES = [300, 400]: is not read with TRAIN.DATASET imagenet" in found
