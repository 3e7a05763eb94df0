"""Measures a checkout's configuration: its defaults, YAML files and learning rates.

Keys that slowfast.ak adds are left out. A key that a checkout lacks can be set to main's default,
since the checkout behaves so.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from slowfast.config.defaults import get_cfg
from slowfast.utils.lr_policy import get_lr_at_epoch

from .files import PATCH_2, REFERENCE, Made, SkippedError, read, renewed


def configured(settings: dict[str, Any]) -> Any:
    """Returns the defaults of the checkout, changed by dotted keys.

    Raises:
        KeyError: the checkout lacks a key, and the value is not main's default.
    """
    cfg, main = get_cfg(), read(REFERENCE, "config_defaults_main.json")
    for key, value in settings.items():
        *groups, name = key.split(".")
        node = cfg
        for group in groups:
            node = node.get(group, {})
        if name in node:
            node[name] = value
        elif key not in main or main[key] != value:
            raise KeyError(f"the checkout has no key {key}, which a case sets to {value!r}")
    return cfg


def branch() -> str:
    """Returns the branch of the checkout, which a key that only main has shows."""
    return "main" if "MIXED_PRECISION" in get_cfg().TRAIN else PATCH_2


def config_defaults(existing: Any, name: str) -> Made:
    """Makes every key of upstream with its default."""
    _only_on(name.removeprefix("config_defaults_").removesuffix(".json"))
    return Made(_upstream_keys(get_cfg()))


def zoo_configs(existing: Any, name: str) -> Made:
    """Makes, for each YAML file of upstream, the keys that differ from main's defaults."""
    _only_on("main")
    defaults, found, left_out = _upstream_keys(get_cfg()), {}, {}
    for path in sorted(Path("configs").rglob("*.yaml")):
        recipe = path.relative_to("configs").with_suffix("").as_posix()
        if recipe.startswith("AK/"):  # added by slowfast.ak
            continue
        cfg = get_cfg()
        try:
            cfg.merge_from_file(str(path))
        except Exception as error:  # a YAML error, an unknown key, another type
            reason = f"does not load ({type(error).__name__}: {' '.join(str(error).split())})"
            left_out.setdefault(reason, []).append(recipe)
            continue
        values = _upstream_keys(cfg)
        found[recipe] = {key: v for key, v in values.items() if v != defaults[key]}
    unloadable = {recipe for recipes in left_out.values() for recipe in recipes}
    if lacking := [recipe for recipe in existing if recipe not in {*found, *unloadable}]:
        left_out["no such file below configs"] = lacking
    return Made(found, left_out)


def lr_schedules(existing: Any, name: str) -> Made:
    """Makes the learning rate at each epoch of each case."""
    inputs = ("config", "solver", "epochs")
    return Made([renewed(case, {"lr": _rates(case)}, *inputs) for case in existing])


def lr_variants(existing: Any, name: str) -> Made:
    """Makes learning rates, and whether settings are refused; the kind of the error is not made."""
    cases = lr_schedules(existing["cases"], name).content
    refused = [
        case if _is_refused(case["solver"]) else case | {"outcome": "no error"}
        for case in existing["refused"]
    ]
    return Made({"cases": cases, "refused": refused})


def _is_refused(solver: dict[str, Any]) -> bool:
    from slowfast.config.defaults import assert_and_infer_cfg

    cfg = configured({f"SOLVER.{key}": value for key, value in solver.items()})
    try:
        get_lr_at_epoch(assert_and_infer_cfg(cfg), 1.0)
    except Exception:  # upstream asserts, and this project has an error of its own
        return True
    return False


def _rates(case: dict) -> list[float]:
    cfg = configured({f"SOLVER.{key}": value for key, value in case["solver"].items()})
    return [get_lr_at_epoch(cfg, epoch) for epoch in case["epochs"]]


def _only_on(wanted: str) -> None:
    if (found := branch()) != wanted:
        raise SkippedError(f"it is of branch {wanted}, and the checkout is of {found}")


def _upstream_keys(cfg: Any) -> dict[str, Any]:
    return {key: v for key, v in sorted(_leaves(cfg)) if key not in _extension_keys()}


def _leaves(node: dict, path: str = "") -> Any:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield path + name, value


def _extension_keys() -> set[str]:
    """Returns the keys of slowfast.ak, and the keys of main that it adds to other branches."""
    try:
        config = importlib.import_module("slowfast.ak.upstream.config")
    except ModuleNotFoundError:
        return set()
    return {*config.ak_keys(), *config.lent}
