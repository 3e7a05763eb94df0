"""Which entries of a file and of a network matched, and what was made of entries that differ."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from slowfast.checkpoints.fitting import positions
from slowfast.checkpoints.fitting.kernels import is_flat

_LISTED = 5


@dataclass
class LoadReport:
    """Which entries of a file and of a network matched.

    Attributes:
        classifier: entries of the network that belong to its classifier.
        matched: entries of the network that the file has.
        missing: entries of the network that the file lacks.
        unexpected: entries of the file that the network lacks.
        shapes: entries of both with different shapes: the shape in the file, in the network.
        inflated: matched entries that were spread from 2D over time.
        summed: matched kernels of a video network that were summed over time, for images.
        resized: matched positions that were interpolated: the shape in the file, in the network.
        moved: positions of the file that are in other entries here: names there, names here.
        widened: matched kernels that read further channels here, which stay random.
        neutral: entries that the network of the file lacks and that change nothing.
        not_there: entries of the network for which the network of the file has no counterpart.
        left_out: the network's head entries, if the head of the file was not wanted.
        num_skipped: number of entries of the file that are not weights.
        naming: how the entries of the file are named; "" for a file of SlowFast as it is.
        where: the prefix of the names and their place in the file.
        num_mapped: number of entries of the file that the network has, whatever their names.
        num_in_file: number of weights in the file.
        network: the settings in which the network of the file differs; "" if none is known.
        cautions: sentences on how the network differs from the one of the weights.
        settings: values of configuration keys with which the weights were trained.
    """

    classifier: frozenset[str] = frozenset()
    matched: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    inflated: list[str] = field(default_factory=list)
    summed: list[str] = field(default_factory=list)
    resized: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    moved: list[tuple[list[str], list[str]]] = field(default_factory=list)
    widened: list[str] = field(default_factory=list)
    neutral: list[str] = field(default_factory=list)
    not_there: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    num_skipped: int = 0
    naming: str = ""
    where: str = ""
    num_mapped: int = 0
    num_in_file: int = 0
    network: str = ""
    cautions: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def num_wanted(self) -> int:
        """Number of entries of the network, without batch counters."""
        lists = (self.matched, self.missing, self.shapes, self.left_out)
        return sum(map(len, (*lists, self.neutral, self.not_there)))

    @property
    def same_entries(self) -> bool:
        """Whether file and network have the same entries with the same shapes."""
        return not (self.missing or self.unexpected or self.shapes or self.not_there)

    @property
    def is_complete(self) -> bool:
        """Whether the entries are the same and all of them were loaded as they are in the file."""
        changed = self.inflated or self.summed or self.resized or self.moved
        return self.same_entries and not (self.left_out or changed)

    @property
    def head_differs(self) -> bool:
        """Whether the head in the file is for another number of classes."""
        return bool(self.other_heads())

    @property
    def has_head(self) -> bool:
        """Whether the network got the classifier of the file, or has none of this name."""
        not_loaded = (*self.missing, *self.shapes, *self.left_out)
        return self.classifier.isdisjoint(not_loaded)

    @property
    def share_outside_head(self) -> float:
        """Share of the network's entries outside the head that the file has, from 0 to 1.

        Entries without a counterpart in networks of the file's kind do not count.
        """
        loaded, not_loaded = (
            sum(name not in self.classifier for name in names)
            for names in ([*self.matched, *self.neutral], [*self.missing, *self.shapes])
        )
        return loaded / (loaded + not_loaded) if loaded + not_loaded else 1.0

    def other_heads(self) -> dict[str, tuple[int, int]]:
        """Returns the head entries for other classes: classes in the file, in the network."""
        return {
            name: (in_file[0], here[0])
            for name, (in_file, here) in self.shapes.items()
            if name in self.classifier and in_file and here and in_file[0] != here[0]
        }

    def __str__(self) -> str:
        lines = [f"Weights: {len(self.matched)} of {self.num_wanted} entries of the model matched."]
        if self.naming:
            lines.append(
                f"  {self.naming}{self.where}: {self.num_mapped} of {self.num_in_file} entries of "
                "the file mapped."
            )
        other_heads = self.other_heads()
        if other_heads:
            in_file, here = next(iter(other_heads.values()))
            lines.append(
                f"  The head in the file is for {in_file} classes and this model's for {here}: "
                "everything but the head is loaded, and the head starts at random."
            )
        if self.left_out:
            lines.append("  The head starts at random, because TRAIN.CHECKPOINT_SKIP_HEAD is True.")
        shapes = [
            f"{name} {list(a)} in the file, {list(b)} here"
            for name, (a, b) in self.shapes.items()
            if name not in other_heads
        ]
        for title, entries in (
            ("missing in the file", _by_module(self.missing)),
            ("not in the model", _by_module(self.unexpected)),
            ("of another shape", shapes),
        ):
            if entries:
                lines.append(f"  {title}: {_first(entries)}")
        if self.network and (shapes or self.missing):
            lines.append(f"  The network of the file has {self.network}.")
        if self.inflated:
            lines.append(f"  {len(self.inflated)} 2D kernels were spread over time.")
        if self.summed:
            lines.append(f"  {len(self.summed)} 3D kernels were summed over time.")
        if self.resized:
            sizes = "; ".join(positions.in_words(self.resized))
            lines.append(f"  Positions were interpolated: {sizes}.")
        for there, here in self.moved:
            lines.append(f"  {' and '.join(there)} of the file went to {' and '.join(here)}.")
        others = [pair for name, pair in self.shapes.items() if name not in other_heads]
        if others and not self.inflated and all(is_flat(*pair) for pair in others):
            lines.append(
                "  The file has 2D kernels for 3D ones here. TRAIN.CHECKPOINT_INFLATE True spreads "
                "them over time, and converts the positions of an image network."
            )
        if self.widened:
            lines.append(
                f"  {len(self.widened)} kernels read more channels here than in the file. The "
                "weights of the further channels start at random."
            )
        if self.not_there:
            lines.append(
                f"  {len(self.not_there)} entries start at random, because networks of the file's "
                f"kind have none like them: {'; '.join(_by_module(self.not_there)[:2])}; ..."
            )
        if self.neutral:
            lines.append(
                f"  The network of the file has no {_first(_by_module(self.neutral))}: values that "
                "change nothing in evaluation take their place."
            )
        if self.num_skipped:
            lines.append(
                f"  {self.num_skipped} entries of the file are not weights (for example momenta)."
            )
        return "\n".join([*lines, *(f"  {caution}" for caution in self.cautions)])


def _first(texts: list[str]) -> str:
    """Joins the first texts, and says how many more there are."""
    more = f"; and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return f"{'; '.join(texts[:_LISTED])}{more}"


def _by_module(names: Iterable[str]) -> list[str]:
    """Joins the names of each module: ``head.projection.{weight,bias}``."""
    modules: dict[str, list[str]] = {}
    for name in names:
        module, _, leaf = name.rpartition(".")
        modules.setdefault(module, []).append(leaf)
    return [
        f"{module}{'.' if module else ''}"
        + (leaves[0] if len(leaves) == 1 else "{" + ",".join(leaves) + "}")
        for module, leaves in modules.items()
    ]
