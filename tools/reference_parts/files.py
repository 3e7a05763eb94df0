"""The reference files: who makes each, how well two makings agree, and the form it is written in.

Notable: a maker takes the file that there is, whose inputs are the cases, and gives it with results
made anew. To add a case, write its inputs into the file.
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
    """maker: module and function in this folder. agreement: how far numbers may differ, relative to
    the largest of their list; 0: exactly equal. compact: written on one line."""

    maker: str
    agreement: float = 0.0
    compact: bool = False


# In the order in which they are made, the quick ones first.
KINDS = {
    "config_defaults_*.json": Kind("settings.config_defaults"),
    "zoo_configs.json": Kind("settings.zoo_configs"),
    "lr_schedules.json": Kind("settings.lr_schedules", 1e-12),
    "caffe2_names.json": Kind("networks.caffe2_names"),
    "map.json": Kind("scores.mean_average_precisions", 1e-9),
    "losses.json": Kind("scores.losses", 1e-6),  # measured in float32
    "spatial_and_pathway.json": Kind("pictures.spatial_and_pathway"),
    "pixel_pipeline.json": Kind("pictures.pixel_pipeline", 1e-4),
    "charades_test_sampling.json": Kind("windows.charades_test_sampling", compact=True),
    "models/*.json": Kind("networks.values", 1e-4, compact=True),
}


class Made(NamedTuple):
    """A file made anew. left_out: what of it could not be made, under the reason. rounding: names
    of values that float32 decides less well than agreed, and how far a last bit moves them."""

    content: Any
    left_out: dict[str, list[str]] = {}
    rounding: dict[str, float] = {}


def renewed(case: dict[str, Any], made: dict[str, Any], *inputs: str) -> dict[str, Any]:
    """A case with results made anew, in its order. Inputs are all that carries over, so that a
    result which is not made is missed, and not compared with itself."""
    new = {name: case[name] for name in inputs if name in case} | made
    return {name: new[name] for name in case if name in new} | new


class OtherBranchError(Exception):
    """A file holds what is so on one branch of upstream, and this checkout is of another."""


def kind_of(name: str) -> Kind:
    """The kind of a reference file, by its path below the folder."""
    return next(kind for pattern, kind in KINDS.items() if fnmatchcase(name, pattern))


def names_in(folder: Path, patterns: Iterable[str] = ("*",)) -> list[str]:
    """The reference files of a folder that match any of the patterns, in the order of KINDS."""
    names = (p.relative_to(folder).as_posix() for kind in KINDS for p in sorted(folder.glob(kind)))
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def read(folder: Path, name: str) -> Any:
    """What a reference file holds."""
    return json.loads((folder / name).read_text())


def write(folder: Path, name: str, content: Any) -> None:
    """Write a reference file in its form, so that two makings differ where their values do."""
    layout = {"separators": (",", ":")} if kind_of(name).compact else {"indent": 0}
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, **layout))
