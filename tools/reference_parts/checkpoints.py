"""Measures what loading makes of tensors of other shapes and names, and the names of files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from slowfast.utils import checkpoint as cu

from .files import REFERENCE, Made, read, renewed
from .networks import PLAIN, drawn_by_name, fill_by_name

FOLDER = (
    *("checkpoint_epoch_00002.pyth", "checkpoint_epoch_00010.pyth"),
    *("ssl_checkpoint_epoch_00030.pyth", "ssl_eval_checkpoint_epoch_00004.pyth", "other.txt"),
)
EPOCH = 7  # in the files of the cases about epochs

# Faults of upstream that this project corrects, and the cases that show them.
CORRECTED = {
    "image_init repeats kernels undivided; here they are divided by their number": [
        "kernels of pooling 1x3x3 to 3x3x3",
        "patch embedding, image to video",
        "ImageNet/MVITv2_S",
    ],
    "image_init repeats kernels undivided, and drops the positions of an image network": [
        "ImageNet/MVIT_B_16_CONV"
    ],
    "loading ends with an error that says nothing": [
        "spatial positions, no square",
        "image_init and a pooling kernel that the model lacks",
        "inflation, a name that the model lacks",
    ],
    "the bias of a head is tiled into a head for more classes": [
        "head of a class number that is a multiple"
    ],
    "inflation leaves kernels of one frame": ["ImageNet/RES_R50"],
}


class Bare(nn.Module):
    """A network that computes nothing, with zeros under the given names, in the given shapes."""

    def __init__(self, shapes: Mapping[str, Sequence[int]]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            *path, leaf = name.split(".")
            module: nn.Module = self
            for part in path:
                if part not in module._modules:
                    module.add_module(part, nn.Module())
                module = module._modules[part]
            module.register_parameter(leaf, nn.Parameter(torch.zeros(tuple(shape))))


def drawn(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Returns weights of these names and shapes by the rule of the reference files."""
    return {name: drawn_by_name(name, torch.zeros(tuple(s))) for name, s in shapes.items()}


def checkpoint_naming(existing: Any, name: str) -> Made:
    """Makes all parts of the file; of `real` those whose networks the checkout can build."""
    content = {
        "about": existing["about"],
        "small": [_small(case) for case in existing["small"]],
        "sub_to_normal_batch_norm": _sub_to_normal(existing["sub_to_normal_batch_norm"]),
        "real": [],
        "file_names": [_file_name(case) for case in existing["file_names"]],
        "last_checkpoint": list(_last(existing["last_checkpoint"])),
    }
    not_built = []
    for number, case in enumerate(existing["real"]):
        try:
            content["real"].append(_real(case))
        except Exception as error:
            content["real"].append(None)
            not_built.append((f"real[{number}]", str(error)))
    places = {
        f"{part}[{number}]": case.get("case") or case["from"]
        for part in ("small", "real")
        for number, case in enumerate(existing[part])
    }
    corrected = {
        fault: [place for place, case in places.items() if case in cases]
        for fault, cases in CORRECTED.items()
    }
    return Made(content, left_out=_by_reason(not_built), corrected=corrected)


def _by_reason(found: list[tuple[str, str]]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for place, reason in found:
        reasons.setdefault(reason, []).append(place)
    return reasons


def load(state: Mapping[str, Tensor], model: nn.Module, options: Mapping, **extra: Any) -> int:
    """Writes a checkpoint and loads it with the checkout's function; returns the file's epoch."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "checkpoint.pyth"))
        torch.save({"model_state": dict(state), "optimizer_state": {}, "cfg": "", **extra}, path)
        try:
            return cu.load_checkpoint(path, model, data_parallel=False, **options)
        except Exception as error:
            # This project refuses a file of which nothing fits; upstream loads nothing.
            if "nothing in it matches" in str(error):
                return -1
            raise


def _small(case: dict) -> dict:
    model = Bare(case["model"])
    extra = {"epoch": EPOCH} if case["case"].startswith("epoch") else {}
    inputs = ("case", "model", "checkpoint", "options")
    try:
        epoch = load(drawn(case["checkpoint"]), model, case["options"], **extra)
    except Exception as error:
        return renewed(case, {"fails": f"{type(error).__name__}: {error}"}, *inputs)
    values = {name: value.flatten().tolist() for name, value in model.state_dict().items()}
    made = {
        "loaded": {n: [round(x, 6) for x in values[n]] for n in values if any(values[n])},
        "not_loaded": [name for name in values if not any(values[name])],
        "returns_epoch": epoch,
    }
    return renewed(case, made, *inputs)


def _sub_to_normal(case: dict) -> dict:
    out = cu.sub_to_normal_bn(drawn(case["in"]))
    made = {
        name: {"shape": list(x.shape), "values": [round(v, 6) for v in x.flatten().tolist()]}
        for name, x in out.items()
    }
    return {"in": case["in"], "out": made}


def _network(config: str, settings: dict[str, Any]) -> nn.Module:
    from slowfast.models import build_model

    from .settings import configured

    published = read(REFERENCE, "zoo_configs.json")[config]
    known = {key: value for key, value in published.items() if key not in ("error", "note")}
    return build_model(configured(known | PLAIN | settings))


def _real(case: dict) -> dict:
    source, target = (
        _network(case["from"], case["from_set"]),
        _network(case["to"], case["to_set"]),
    )
    fill_by_name(source)
    state = source.state_dict()
    own = target.state_dict()
    target.load_state_dict({name: torch.zeros_like(value) for name, value in own.items()})
    load(state, target, case["options"])
    after = target.state_dict()
    loaded = [n for n, x in after.items() if n.endswith("num_batches_tracked") or bool(x.any())]
    reshaped = [n for n in loaded if n in state and state[n].shape != own[n].shape]
    unused = [n for n in state if n not in loaded]
    made = {
        "tensors_in_checkpoint": len(state),
        "tensors_in_model": len(own),
        "loaded": len(loaded),
        "loaded_reshaped": {
            n: {
                "from": list(state[n].shape),
                "to": list(own[n].shape),
                "sum": round(after[n].double().sum().item(), 5),
                "first_4": [round(v, 6) for v in after[n].flatten()[:4].tolist()],
            }
            for n in reshaped[:24]
        },
        "number_loaded_reshaped": len(reshaped),
        "not_loaded": [n for n in own if n not in loaded],
        "not_used": unused
        if len(unused) <= 40
        else {"number": len(unused), "first_20": unused[:20], "last_20": unused[-20:]},
    }
    return renewed(case, made, "from", "from_set", "to", "to_set", "options")


def _file_name(case: dict) -> dict:
    return case | {"path": cu.get_path_to_checkpoint("OUT", case["epoch"], case["task"])}


def _last(cases: list[dict]) -> Iterator[dict]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "checkpoints").mkdir()
        for name in FOLDER:
            Path(folder, "checkpoints", name).touch()
        for case in cases:
            last = cu.get_last_checkpoint(folder, case["task"])
            yield {"task": case["task"], "last": Path(last).name if last else None}
