"""The Markdown text of the check: the machine, a table of all parts, and a section for each."""

import datetime
import platform
import subprocess

import torch

from cuda_parts.alone import Outcome
from cuda_parts.part import Work


def machine(work: Work) -> str:
    """Returns the device and the versions that the figures depend on, in one line."""
    versions = f"PyTorch {torch.__version__}, Python {platform.python_version()}"
    if not work.on_gpu:
        return f"Rehearsal on the CPU with tiny networks: no figure is CUDA's. {versions}"
    device = torch.cuda.get_device_properties(0)
    has_nccl = torch.distributed.is_nccl_available()
    nccl = ".".join(map(str, torch.cuda.nccl.version())) if has_nccl else "none"
    return (
        f"{device.name}, {device.total_memory / 2**30:.0f} GiB, driver {_driver()}, {versions}, "
        f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, NCCL {nccl}"
    )


def text(where: str, outcomes: list[Outcome], missing: list[str]) -> str:
    """Returns the whole text.

    Args:
        where: what `machine` returns.
        outcomes: the parts that have run, in order.
        missing: names of parts that have not run.
    """
    lines = ["## On CUDA", "", f"{where}; {datetime.date.today()}; `make cuda-check`.", ""]
    lines += ["| part | what it shows | result | s | found |", "|---|---|---|---|---|"]
    for outcome in outcomes:
        part = outcome.part
        found = outcome.summary.replace("|", "/")
        lines.append(
            f"| {part.name} | {part.title} | {outcome.result} | {outcome.seconds:.0f} | {found} |"
        )
    lines += [f"| {name} | | not run | | |" for name in missing]
    for outcome in outcomes:
        if outcome.lines:
            lines += ["", f"### {outcome.part.name}: {outcome.part.title}", "", *outcome.lines]
    return "\n".join(lines).rstrip() + "\n"


def _driver() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.split()[0]
