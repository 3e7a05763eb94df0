"""Runs one part in a process of its own, with a time limit.

    python -m cuda_parts.alone NAME DEVICE FOLDER

The process writes its findings to FOLDER/NAME.jsonl, each line as soon as it is found. So what was
found before the limit is not lost. Everything that the part prints goes to FOLDER/NAME.log.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from cuda_parts import processes, resume, steps, tests, training
from cuda_parts.part import ROOT, Failed, Part, Work

# In the order in which they run: what matters most comes first.
PARTS = {
    part.name: part
    for part in (
        tests.PART,
        training.PART,
        processes.PART,
        resume.PART,
        steps.KEYS,
        steps.PRECISION,
        steps.MEMORY,
        steps.DEPTHWISE,
        steps.COMPILE,
    )
}


@dataclass
class Outcome:
    """The result of a part.

    Attributes:
        result: "passed", "failed" or "stopped".
        summary: one sentence for the table.
        lines: Markdown for the part's own section.
    """

    part: Part
    result: str = "stopped"
    summary: str = ""
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)


def run_alone(part: Part, work: Work, limit: float) -> Outcome:
    """Runs a part; at the limit, its process and all children of it are killed."""
    findings = work.folder / f"{part.name}.jsonl"
    findings.unlink(missing_ok=True)
    paths = [str(ROOT), str(ROOT / "tools"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "cuda_parts.alone", part.name, work.device, str(work.folder)]
    begin = time.monotonic()
    outcome = Outcome(part, summary=f"stopped at its time limit of {limit:.0f} s")
    with (work.folder / f"{part.name}.log").open("w") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            status = process.wait(timeout=limit)
            outcome.result, outcome.summary = "failed", f"its process ended with status {status}"
        except subprocess.TimeoutExpired:
            pass
        finally:
            _kill_session(process)
    outcome.seconds = time.monotonic() - begin
    for line in findings.read_text().splitlines() if findings.exists() else []:
        for name, value in json.loads(line).items():
            if name == "line":
                outcome.lines.append(value)
            else:
                outcome.result, outcome.summary = name, value
    return outcome


def _kill_session(process: subprocess.Popen) -> None:
    """Kills the process and all its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main(name: str, device: str, folder: str) -> None:
    """Runs a part in this process and writes its findings."""
    path = Path(folder, f"{name}.jsonl")
    findings = PARTS[name].run(Work(device, Path(folder)))
    with path.open("w", buffering=1) as file:

        def write(kind: str, text: str) -> None:
            file.write(json.dumps({kind: text}) + "\n")

        try:
            while True:
                write("line", next(findings))
        except StopIteration as end:
            write("passed", end.value)
        except Failed as error:
            write("failed", str(error))
        except Exception as error:
            text = f"{type(error).__name__}: {error}".strip()
            write("failed", " ".join(text.split())[:500])
            raise


if __name__ == "__main__":
    main(*sys.argv[1:])
