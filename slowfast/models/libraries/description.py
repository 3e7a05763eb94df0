"""A folder of transformers, or a repository of its hub: configuration, pixels, weights.

Nothing in it is run: the configuration and the description of pixels are read as JSON, and weights
as safetensors only.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from slowfast.ak.errors import UserError
from slowfast.models.libraries.described_input import DescribedInput
from slowfast.models.libraries.families import FAMILIES, Family

HOW_TO_INSTALL = (
    "it is built by transformers; install that with: pip install 'transformers>=5.24,<6'"
)
_PIXEL_FILES = ("video_preprocessor_config.json", "preprocessor_config.json")
# Entries of a configuration that say nothing about the network.
_NOT_KEPT = (
    *("id2label", "label2id", "architectures", "transformers_version", "problem_type", "dtype"),
    *("torch_dtype", "auto_map", "_name_or_path"),
)


def is_installed() -> bool:
    """Whether transformers can be imported."""
    return importlib.util.find_spec("transformers") is not None


@dataclass(frozen=True)
class Description:
    """What is known of a network of transformers.

    Attributes:
        source: the folder or the id of the hub.
        network: the entries of its configuration, with ``model_type``.
        mean, std: of pixels of 0..1, RGB; empty: not known.
    """

    source: str
    network: dict[str, Any]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def arch(self) -> str:
        """The kind of the network, a key of `FAMILIES`."""
        return self.network["model_type"]

    @property
    def family(self) -> Family:
        """The facts about networks of this kind."""
        return FAMILIES[self.arch]

    @property
    def input(self) -> DescribedInput:
        """The input with which the weights were trained."""
        frames, side = self.network[self.family.frames], self.network[self.family.side]
        return DescribedInput(frames, side, self.mean, self.std)

    def dump(self) -> str:
        """The description as JSON, which `parsed` reads."""
        return json.dumps(vars(self), sort_keys=True)

    @classmethod
    def parsed(cls, text: str) -> Description:
        """Reads what `dump` wrote.

        Raises:
            UserError: the text is something else.
        """
        try:
            content = json.loads(text)
            mean, std = tuple(content["mean"]), tuple(content["std"])
            found = cls(content["source"], _completed(content["network"]), mean, std)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                "expected the text that a run writes into config.yaml; leave the key out, and "
                f"MODEL.PRETRAINED gives the description ({type(error).__name__}: {error})"
            ) from None
        return found

    def build(self, frames: int, side: int, classes: int = 1) -> nn.Module:
        """The network with random weights, and the library's classifier.

        Args:
            frames, side: of the clips.
            classes: of the classifier.

        Raises:
            UserError: the library does not build it.
        """
        from transformers import AutoModelForVideoClassification

        try:
            return AutoModelForVideoClassification.from_config(self._config(frames, side, classes))
        except (ValueError, TypeError, RuntimeError, KeyError) as error:
            raise UserError(f"{self.source}: transformers cannot build it ({error})") from None

    def weights(self, frames: int, side: int, classes: int) -> Mapping[str, Tensor]:
        """The entries of the weights, under the names of the library, in float32.

        Entries that the file lacks after the encoder, as a network without a head does, are left
        out.

        Raises:
            UserError: they cannot be read, or are those of another network.
        """
        from transformers import AutoModelForVideoClassification

        try:
            model, info = AutoModelForVideoClassification.from_pretrained(
                self.source,
                config=self._config(frames, side, classes),
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=Path(self.source).is_dir(),
                output_loading_info=True,
                dtype=torch.float32,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise UserError(_why_no_weights(self.source, error)) from None
        missing = set(info["missing_keys"])
        encoder = f"{model.base_model_prefix}."
        unused = tuple(f"{encoder}{name}." for name in self.family.unused)
        needed = [n for n in missing if n.startswith(encoder) and not n.startswith(unused or "\n")]
        if needed:
            raise UserError(
                f"MODEL.PRETRAINED {self.source}: its weights lack {len(needed)} entries of the "
                f"network that its config.json describes, such as {min(needed)}. Name a folder of "
                "which both belong together."
            )
        return {
            name: value
            for name, value in model.state_dict().items()
            if name not in missing and not name.startswith(unused or "\n")
        }

    def _config(self, frames: int, side: int, classes: int) -> Any:
        size = {self.family.frames: frames, self.family.side: side}
        return _library_config({**self.network, **size, "num_labels": classes})


@lru_cache(maxsize=8)
def described(source: str) -> tuple[Description, int]:
    """Reads the description of a folder or of a repository of the hub.

    Returns:
        The description, and the number of classes of its head.

    Raises:
        UserError: it cannot be read, or is no video network of a known kind.
    """
    config = _read(source, "config.json", needed=True)
    if config is None:
        raise UserError(
            f"{source} has no config.json. Name a folder that save_pretrained of transformers "
            "wrote, or an id of its hub"
        )
    kind = config.get("model_type")
    if kind not in FAMILIES:
        found = f"is of the kind {kind!r}" if kind else "names no model_type"
        raise UserError(
            f"{source}: its config.json {found}; expected a video network: {', '.join(FAMILIES)}"
        )
    family = FAMILIES[kind]
    found = (content for file in _PIXEL_FILES if (content := _read(source, file)))
    mean, std = _pixels(next(found, {}), family)
    classes = len(config.get("id2label") or ()) or 2  # the default of the library
    return Description(source, _completed(config), mean, std), classes


def _completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a configuration that describe the network, with the library's defaults."""
    given = {name: value for name, value in config.items() if name not in _NOT_KEPT}
    complete = _library_config(given).to_dict()
    return {name: value for name, value in complete.items() if name not in _NOT_KEPT}


def _library_config(entries: Mapping[str, Any]) -> Any:
    """The configuration of the library with these entries, ``model_type`` among them.

    Raises:
        UserError: the library does not take an entry.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    try:
        return AutoConfig.for_model(**entries)
    except (StrictDataclassError, ValueError, TypeError) as error:
        words = " ".join(str(error).split())
        raise UserError(f"transformers does not take its config.json ({words})") from None


def _pixels(content: Mapping[str, Any], family: Family) -> tuple[tuple[float, ...], ...]:
    """Mean and deviation of pixels of 0..1; empty if the file does not state them.

    The library computes (pixel x rescale_factor - offset - mean) / std for pixels of 0..255.
    """
    if content.get("do_normalize", True):
        mean, std = content.get("image_mean"), content.get("image_std")
        if mean is None or std is None:
            return (), ()
    else:
        mean, std = [0.0] * 3, [1.0] * 3
    rescales = content.get("do_rescale", True)
    scale = 255 * (content.get("rescale_factor", 1 / 255) if rescales else 1)
    offset = 1.0 if rescales and content.get("offset", family.offset) else 0.0
    shifted = tuple(round((value + offset) / scale, 9) for value in mean)
    return shifted, tuple(round(value / scale, 9) for value in std)


def _read(source: str, name: str, needed: bool = False) -> dict[str, Any] | None:
    """The content of a JSON file of a folder or repository; None if it has no such file.

    Args:
        needed: whether a repository that does not give the file is an error.
    """
    path = Path(source, name) if Path(source).is_dir() else _from_hub(source, name, needed)
    if path is None or not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: is no JSON ({error})") from None
    return content if isinstance(content, dict) else None


def _from_hub(source: str, name: str, needed: bool) -> Path | None:
    """A file of the hub, from the folder that keeps downloaded files if it is there."""
    from transformers.utils import cached_file

    if source.count("/") > 1 or source.startswith((".", "/", "~")):
        raise UserError(f"there is no folder {source}")
    try:
        found = cached_file(
            source,
            name,
            _raise_exceptions_for_missing_entries=needed,
            _raise_exceptions_for_connection_errors=needed,
        )
    except (OSError, ValueError) as error:
        reason = next(filter(None, str(error).splitlines()), type(error).__name__)
        raise UserError(
            f"{source} is no folder here, and the hub did not give it ({reason.strip()}). Check "
            "the name; or download it on a machine with access (hf download ID --local-dir "
            "FOLDER), and name the folder"
        ) from None
    return Path(found) if found else None


def _why_no_weights(source: str, error: Exception) -> str:
    """Returns why weights could not be read, and what to do."""
    folder = Path(source)
    files = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if files and not any(name.endswith(".safetensors") for name in files):
        pickles = [name for name in files if name.endswith((".bin", ".pt", ".pth"))]
        found = f"only {', '.join(sorted(pickles))}" if pickles else "no file of weights"
        return (
            f"MODEL.PRETRAINED {source}: expected model.safetensors, found {found}. Weights of "
            "transformers are read as safetensors only. Load the folder with from_pretrained of "
            "transformers, if you trust it, and write it with save_pretrained."
        )
    reason = " ".join(str(error).split())[:300]
    return f"MODEL.PRETRAINED {source}: its weights could not be read ({reason})."
