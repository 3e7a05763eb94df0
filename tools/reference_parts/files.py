"""The reference files: the maker, the agreement and the form of each.

A maker takes the existing file, whose inputs are the cases, and returns it with new results. To add
a case, write its inputs into the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

REFERENCE = Path(__file__).parents[2] / "tests" / "reference"
PATCH_2 = "haooooooqi-patch-2"


class Kind(NamedTuple):
    """A kind of reference file.

    Attributes:
        maker: module and function in this folder.
        agreement: the fraction of the largest number of their list by which numbers may differ; 0:
            they have to be equal.
        compact: whether the file has one line only.
        skipped: why the tool does not make the file, which then has no maker.
    """

    maker: str = ""
    agreement: float = 0.0
    compact: bool = False
    skipped: str = ""


# In the order in which the files are made, quick ones first.
KINDS = {
    "config_defaults_*.json": Kind("settings.config_defaults"),
    "zoo_configs.json": Kind("settings.zoo_configs"),
    "lr_schedules.json": Kind("settings.lr_schedules", 1e-12),
    "lr_variants.json": Kind("settings.lr_variants", 1e-12),
    "lars.json": Kind("optimizers.lars", 1e-5, compact=True),
    "layer_decay.json": Kind("optimizers.layer_decay", 1e-12, compact=True),
    "multigrid.json": Kind("multigrid.multigrid", 1e-5, compact=True),
    "checkpoint_naming.json": Kind("checkpoints.checkpoint_naming", 1e-4, compact=True),
    "caffe2_names.json": Kind("networks.caffe2_names"),
    "map.json": Kind("scores.mean_average_precisions", 1e-9),
    "losses.json": Kind("scores.losses", 1e-6),  # the existing values are float32
    "spatial_and_pathway.json": Kind("pictures.spatial_and_pathway"),
    "pixel_pipeline.json": Kind("pictures.pixel_pipeline", 1e-4),
    "random_resized_crop.json": Kind("crops.random_crops", compact=True),
    "charades_test_sampling.json": Kind("windows.charades_test_sampling", compact=True),
    "ssv2_sampling.json": Kind("ssv2.ssv2_sampling", compact=True),
    "kinetics_sampling.json": Kind("kinetics.kinetics_sampling", 1e-9, compact=True),
    "imagenet_transforms.json": Kind("images.imagenet_transforms", 1e-4, compact=True),
    "models/AVA__*.json": Kind(skipped="this tool gives no boxes to a network"),
    "models/*.json": Kind("networks.values", 1e-4, compact=True),
    "ava_*.json": Kind(skipped="this tool does not measure detection of actions in boxes"),
    "ssl.json": Kind(skipped="this tool does not measure training without labels"),
    "imports.json": Kind(skipped="the tests of slowfast.upstream_names compare the parameters"),
}


class Made(NamedTuple):
    """A new file.

    Attributes:
        content: the content.
        left_out: the places that could not be made, such as a name or `cases[0]`, by reason.
        rounding: the effect of a last bit on values that float32 gives less exactly than agreed.
        corrected: places in the file, by the fault of upstream that its values there come from. A
            difference there is reported, and is none that counts.
        spread: how far statistics of random draws may differ, by their places in the file.
    """

    content: Any
    left_out: dict[str, list[str]] = {}
    rounding: dict[str, float] = {}
    corrected: dict[str, list[str]] = {}
    spread: dict[str, float] = {}


def renewed(case: dict[str, Any], made: dict[str, Any], *inputs: str) -> dict[str, Any]:
    """Returns a case with new results, in the order of the old case.

    Only the inputs are taken from the old case: a result that is not made is missing, and is not
    compared with itself.
    """
    new = {name: case[name] for name in inputs if name in case} | made
    return {name: new[name] for name in case if name in new} | new


class SkippedError(Exception):
    """A file is not made, for example because it describes another branch of upstream."""


def kind_of(name: str) -> Kind:
    """Returns the kind of a reference file by its path below the folder."""
    return next(kind for pattern, kind in KINDS.items() if fnmatchcase(name, pattern))


def names_in(folder: Path, patterns: Iterable[str] = ("*",)) -> list[str]:
    """Returns the reference files of a folder that match a pattern, in the order of KINDS."""
    names = (p.relative_to(folder).as_posix() for kind in KINDS for p in sorted(folder.glob(kind)))
    each = dict.fromkeys(names)  # a name can match two kinds
    return [name for name in each if any(fnmatchcase(name, pattern) for pattern in patterns)]


def read(folder: Path, name: str) -> Any:
    """Returns the content of a reference file."""
    return json.loads((folder / name).read_text())


def write(folder: Path, name: str, content: Any) -> None:
    """Writes a reference file in its form, so that a diff shows changed values only."""
    layout = {"separators": (",", ":")} if kind_of(name).compact else {"indent": 0}
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, **layout))
