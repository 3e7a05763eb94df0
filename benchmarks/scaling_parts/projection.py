"""Calculates the limits of training on many GPUs: the clips per second that each part of a machine
allows. The smallest of them is the limit of the run.

Nothing is measured. The formulas are printed with their numbers, `Assumed` has the source of each
number, and `--set` changes a number. A device follows the roofline model (Williams, Waterman and
Patterson, 2009): its arithmetic and its memory are upper limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import NamedTuple

from benchmarks.scaling_parts.counts import Cost, cost
from benchmarks.scaling_parts.table import RECIPES, Table


@dataclass(frozen=True)
class Assumed:
    """The numbers of the calculation, and their sources."""

    # NVIDIA's data sheet of the H100 SXM: dense bf16 matrix products, and HBM3. (A100 80 GB SXM:
    # 312 and 2039.)
    peak: float = 989.0  # TFLOP/s
    bandwidth: float = 3350.0  # GB/s
    # Assumed: the share of this peak that convolutions of such sizes reach.
    attained: float = 0.4
    # Each kept tensor is written and read in the forward pass and read in the backward pass, and
    # its gradient is written and read, if no operations are fused.
    touches: float = 5.0
    bytes_a_value: float = 2.0  # bf16
    # Assumed: the time in which a core hands one operation to its GPU, without torch.compile.
    launch_us: float = 6.0
    # A common machine with 8 GPUs; one core for the process of each GPU, the others read clips.
    gpus_a_machine: float = 8
    cores_a_machine: float = 96
    # Measured by `benchmarks/data.py`, of 640 x 360 frames of 8 kB (docs/SCALING.md says when), and
    # the factor from docs/DATA.md: a training clip against the decoding of its frames.
    decode_ms: float = 0.39
    reading_factor: float = 1.42
    frames: float = 8
    frame_kb: float = 8.0
    # Assumed for a file server and all machines together: small files per second, and GB/s.
    files_a_second: float = 100_000
    disk: float = 5.0
    # GB/s of each machine to the others: 400 Gb/s. (100 Gb/s Ethernet: 12.5.)
    link: float = 50.0
    clips_a_gpu: float = 8
    # Animal Kingdom: docs/DATA.md's training list, its frames, 6,096 validation clips, 30 views.
    clips: float = 24_004
    frames_a_clip: float = 176
    validation_clips: float = 6_096
    views: float = 30
    frames_a_test_clip: float = 80  # the distinct ones of 10 windows, in docs/DATA.md
    epochs: float = 100

    @classmethod
    def changed(cls, settings: Sequence[str]) -> Assumed:
        """Returns the numbers, changed by NAME=NUMBER from the command line.

        Raises:
            ValueError: a setting is not of this form.
        """
        names = [field.name for field in fields(cls)]
        changes = {}
        for setting in settings:
            name, _, number = setting.partition("=")
            if name not in names:
                raise ValueError(f"--set {setting}: expected NAME=NUMBER, of {', '.join(names)}")
            changes[name] = float(number)
            if changes[name] <= 0:
                raise ValueError(f"--set {setting}: expected a number above 0")
        return replace(cls(), **changes)


class Limits(NamedTuple):
    """Clips per second that each part allows, for all machines together."""

    arithmetic: float
    memory: float
    launches: float
    decoding: float
    files: float
    disk: float
    network: float

    @property
    def first(self) -> str:
        """The part with the lowest limit."""
        return min(self._fields, key=self._asdict().get)


def limits(recipe: Cost, gpus: int, a: Assumed) -> Limits:
    """Evaluates the formulas. With one machine the network sets no limit; NVLink is left out."""
    machines = _machines(gpus, a)
    exchanged = 2 * (machines - 1) / machines * 4 * recipe.parameters  # ring, float32 gradients
    return Limits(
        arithmetic=gpus * a.attained * a.peak * 1e12 / (6 * recipe.multiply_adds),
        memory=gpus * a.bandwidth * 1e9 / (a.touches * recipe.kept * a.bytes_a_value / 4),
        launches=gpus * a.clips_a_gpu * 1e6 / (recipe.operations * a.launch_us),
        decoding=_readers(gpus, a) * 1000 / (a.frames * a.decode_ms * a.reading_factor),
        files=a.files_a_second / a.frames,
        disk=a.disk * 1e9 / (a.frames * a.frame_kb * 1000),
        network=gpus * a.clips_a_gpu * a.link * 1e9 / exchanged if exchanged else float("inf"),
    )


def test_seconds(found: Limits, gpus: int, a: Assumed) -> float:
    """Returns the seconds of a test: by the device at the speed of training, or by the readers."""
    device = min(found.arithmetic, found.memory, found.launches)
    reading = a.frames_a_test_clip * a.decode_ms * a.reading_factor / 1000 / _readers(gpus, a)
    return a.validation_clips * max(a.views / (3 * device), reading)


def _machines(gpus: int, a: Assumed) -> float:
    return max(1.0, gpus / a.gpus_a_machine)


def _readers(gpus: int, a: Assumed) -> float:
    """Cores that read clips: all but one for each GPU."""
    return (a.cores_a_machine - a.gpus_a_machine) * _machines(gpus, a)


FORMULAS = """\
clips a second of G GPUs on M = G / {gpus_a_machine:g} machines, the least of
  arithmetic  G * {attained:g} * {peak:g}e12 / (3 passes * 2 * multiply-adds of a clip)
  memory      G * {bandwidth:g}e9 / ({touches:g} * kept bytes of a clip * {bytes_a_value:g} / 4)
  launches    G * {clips_a_gpu:g} clips a step * 1e6 / ({launch_us:g} us * operations)
  decoding    M * ({cores_a_machine:g} - {gpus_a_machine:g}) * 1000 / ({frames:g} frames * \
{decode_ms:g} ms * {reading_factor:g})
  files       {files_a_second:g} / {frames:g} frames, of all machines together
  disk        {disk:g}e9 / ({frames:g} frames * {frame_kb:g}e3 bytes), likewise
  network     G * {clips_a_gpu:g} clips a step * {link:g}e9 / (2 * (M - 1) / M * 4 * parameters)
epoch: {clips:g} / that
test: {validation_clips:g} * the larger of
  device      {views:g} views / (3 * the least of arithmetic, memory and launches)
  decoding    {frames_a_test_clip:g} frames * {decode_ms:g} ms * {reading_factor:g} / 1000 / \
(M * ({cores_a_machine:g} - {gpus_a_machine:g}))"""


def tables(a: Assumed, gpus: Sequence[int] = (8, 64), growth: int = 100) -> Iterator[object]:
    """Yields the formulas, the limits of each recipe, the times, and the size of the data set."""
    recipes = [cost(name, 8, 256) for name in RECIPES]
    yield FORMULAS.format(**asdict(a))
    rows, times = [], []
    for recipe in recipes:
        for count in gpus:
            found = limits(recipe, count, a)
            rows.append(
                (
                    recipe.recipe,
                    count,
                    *(f"{rate:,.0f}" if rate < float("inf") else "none" for rate in found),
                    found.first,
                )
            )
            test = test_seconds(found, count, a)
            epoch = a.clips / min(found)
            times.append(
                (
                    *(recipe.recipe, count, f"{count * a.clips_a_gpu:g}"),
                    *(_duration(epoch), _duration(a.epochs * epoch)),
                    *(_duration(growth * a.epochs * epoch), _duration(growth * test)),
                )
            )
    yield Table(
        "Clips a second that each part could serve",
        ("recipe", "GPUs", *Limits._fields, "first"),
        rows,
    )
    many = f"{growth} times the clips"
    heads = "recipe", "GPUs", "global batch", "epoch", f"{a.epochs:g} epochs", many, f"test, {many}"
    yield Table("Time at least", heads, times)
    yield _data_set(a, growth)


def _data_set(a: Assumed, growth: int) -> Table:
    rows = []
    for times in (1, growth):
        clips = times * a.clips
        frames = clips * a.frames_a_clip
        rows.append(
            (
                *(f"{clips:,.0f}", f"{frames / 1e6:,.1f} M"),
                f"{frames * a.frame_kb * 1e3 / 1e12:.2f} TB",
                # docs/DATA.md: an index of 2.9 MB, and 1.06 s to make it, for Animal Kingdom's.
                f"{2.9 * clips / 24_004:,.0f} MB",
                f"{1.06 * clips / 24_004:,.0f} s",
            )
        )
    heads = "clips", "frames: files, lines of the list", "images", "index", "making it, once"
    return Table("The data set", heads, rows)


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
