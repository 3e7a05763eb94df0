"""The configuration with which a data set that was cut can be trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from slowfast.config.yaml_files import read_with_bases
from slowfast.utils.files import atomic

NAME = "train.yaml"
_ABOUT = """\
# Trains on the clips beside this file:   python tools/run_net.py --cfg {path}
# tools/cut_videos.py writes this file, and writes it anew when the data change. It keeps an older,
# different file as train_1.yaml. Put settings of your own at the end of the command, or into
# another file with `_BASE_: train.yaml`.
"""


def write_train_config(
    root: Path,
    recipe: Path,
    *,
    num_classes: int,
    one_label: bool,
    train_clips: int,
    has_test: bool,
) -> Path:
    """Writes `train.yaml` into the folder of a data set, and returns its path.

    Args:
        root: the folder with annot/ and image/.
        recipe: a configuration file, which gives everything but the data.
        one_label: whether every clip has exactly one class.
        train_clips: a batch of the recipe that is larger is reduced to this number.
        has_test: whether test.csv lists test clips, apart from the validation clips.

    Raises:
        UserError: there is no such recipe, or a file cannot be read or written.
    """
    of_recipe = _settings_of(recipe)
    here = root.resolve()
    settings: dict[str, Any] = {
        "_BASE_": str(recipe.resolve()),
        "TRAIN": {"DATASET": "ak"},
        "TEST": {"DATASET": "ak"},
        "DATA": {
            "PATH_TO_DATA_DIR": str(here / "annot"),
            "PATH_PREFIX": str(here / "image"),
        },
        "MODEL": {"NUM_CLASSES": num_classes},
        "OUTPUT_DIR": str(here / "output"),
        # No published run has these data, so there is nothing to compare a run with.
        "RECIPE": {"GLOBAL_BATCH": 0, "NORM_GROUP": 0, "BASE_LR": 0.0, "INIT": ""},
    }
    # Scores of one class cannot exclude each other.
    many = not one_label or num_classes < 2
    settings["DATA"]["MULTI_LABEL"] = many
    settings["MODEL"]["HEAD_ACT"] = "sigmoid" if many else "softmax"
    settings["MODEL"]["LOSS_FUNC"] = _fitting_loss(of_recipe.get("MODEL.LOSS_FUNC", ""), many)
    if of_recipe.get("TRAIN.BATCH_SIZE", 0) > train_clips > 0:
        settings["TRAIN"]["BATCH_SIZE"] = train_clips
    if has_test:
        settings["AK"] = {"TEST_LIST": "test.csv"}
        settings["TEST"]["WEIGHTS"] = "best"
    text = _ABOUT.format(path=root / NAME) + yaml.safe_dump(
        settings, sort_keys=False, allow_unicode=True
    )
    path = root / NAME
    content = text.encode()
    if not path.is_file() or path.read_bytes() != content:
        atomic.write(path, content, keep_old=True)
    return path


def _settings_of(recipe: Path) -> dict[str, Any]:
    """The settings of a recipe and its bases, by dotted key."""
    found = {}
    for _, groups in read_with_bases(recipe):
        for group, settings in groups.items():
            if isinstance(settings, dict):
                found.update({f"{group}.{key}": value for key, value in settings.items()})
    return found


def _fitting_loss(name: str, many: bool) -> str:
    """The loss of the recipe if it takes such labels, and the usual loss otherwise."""
    import slowfast.ak.losses  # noqa: F401 -- registers the losses; imports torch
    from slowfast.ak.registries.losses import LOSSES

    needed = "many" if many else "one"
    if name in LOSSES and LOSSES.facts(name).labels in (needed, "any"):
        return name
    return "bce_loss" if many else "cross_entropy"
