"""Measures the reading of a list like that of Animal Kingdom: 24,004 clips, 4.3 million lines.

It measures the time of the first reading, compared with Python's csv.DictReader, the time of a
later reading, and the memory that the list adds to a process and to each worker. Each figure comes
from a new process.
"""

from __future__ import annotations

import csv
import multiprocessing
import pickle
import statistics
import time
from collections.abc import Callable
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data_parts.measuring import Row
from slowfast.ak.lists.clip_list import ClipList

CLIPS, LINES, CLASSES = 24_004, 4_300_000, 140
WORKERS = 16  # with two or more, the pages that they share are counted as shared
METHODS = ("fork", "forkserver", "spawn")


def measure(folder: Path, repeats: int, clips: int = CLIPS, lines: int = LINES) -> list[Row]:
    """Returns the rows of a list with this many clips and about this many lines."""
    path = write_list(folder / f"list_{lines}" / "train.csv", clips, lines)
    jobs = {"first": _read, "csv": _read_by_csv, "again": _read}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for _ in range(max(1, repeats // 2)):  # csv.DictReader takes ten seconds
        path.with_name("train.csv.index").unlink(missing_ok=True)
        for name, job in jobs.items():
            taken[name].append(_alone(job, path))
    seconds = {name: statistics.median(s for s, _ in values) for name, values in taken.items()}
    added = {name: max(mib for _, mib in values) for name, values in taken.items()}
    return [
        Row("list, first read", seconds["first"], "s", 4),
        Row("list, first read", seconds["first"] / seconds["csv"], "x", 0.33, "csv.DictReader"),
        Row("list, read again by another process", seconds["again"], "s", 0.3),
        Row("list, memory that the first read adds, at most", added["first"], "MiB", 60),
        Row("list, memory that another process adds", added["again"], "MiB", 60),
        *(
            Row(
                f"list, own memory of each of {WORKERS} workers, {method}",
                _of_a_worker(path, method),
                "MiB",
            )
            for method in METHODS
        ),
    ]


def write_list(path: Path, clips: int, lines: int) -> Path:
    """Writes a list in the format of Animal Kingdom's train.csv, unless the file exists."""
    if path.exists():
        return path
    rng = np.random.default_rng(0)
    lengths = rng.gamma(2, size=clips)
    lengths = np.maximum(1, lengths * lines / lengths.sum()).astype(int)
    letters = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "S1")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name("aside.csv")
    with aside.open("w") as file:
        file.write("original_vido_id video_id frame_id path labels\n")
        for clip, length in enumerate(lengths.tolist()):
            name = b"".join(rng.choice(letters, 8)).decode()
            labels = ",".join(map(str, rng.choice(CLASSES, rng.integers(1, 5), replace=False)))
            file.writelines(
                f'{name} {clip} {k} {name}/{name}_{k + 1:06d}.jpg "{labels}"\n'
                for k in range(length)
            )
    return aside.rename(path)


def _read(path: Path) -> None:
    ClipList.read(path, CLASSES)


def _read_by_csv(path: Path) -> None:
    with path.open(newline="") as file:
        for _ in csv.DictReader(file, delimiter=" "):
            pass


def _alone(job: Callable[[Path], None], path: Path) -> tuple[float, float]:
    """Runs a job in a new process; returns its seconds, and the most MiB that it adds."""
    (answer,) = _in_processes(multiprocessing.get_context("spawn"), 1, _timed, job, path)
    return answer


def _timed(job: Callable[[Path], None], path: Path) -> tuple[float, float]:
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before, begin = _memory("status", "VmRSS"), time.perf_counter()
    job(path)
    return time.perf_counter() - begin, _memory("status", "VmHWM") - before


def _of_a_worker(path: Path, method: str) -> float:
    """Returns the MiB of a list that each worker has for itself."""
    clips = ClipList.read(path).select(np.arange(len(ClipList.read(path))) % 10 > 0)
    _use(clips)
    # Workers of a data loader inherit the list if they are forked; otherwise it is sent to them.
    sent = clips if method == "fork" else pickle.dumps(clips)
    context = multiprocessing.get_context(method)
    return statistics.median(_in_processes(context, WORKERS, _worker, sent))


def _worker(sent: ClipList | bytes) -> float:
    before = _memory("smaps_rollup", "Private_Clean", "Private_Dirty")
    clips = pickle.loads(sent) if isinstance(sent, bytes) else sent
    _use(clips)
    return _memory("smaps_rollup", "Private_Clean", "Private_Dirty") - before


def _use(clips: ClipList) -> None:
    for clip in range(len(clips)):
        clips.frame_path(clip, clips.num_frames(clip) - 1), clips.labels(clip)


def _in_processes(context: BaseContext, count: int, job: Callable, *args: Any) -> list[Any]:
    """Runs a job in several processes, which end after all have answered; returns the answers."""
    answers, end = context.SimpleQueue(), context.Event()
    processes = [
        context.Process(target=_answer, args=(answers, end, job, args)) for _ in range(count)
    ]
    for process in processes:
        process.start()
    found = [answers.get() for _ in processes]
    end.set()
    for process in processes:
        process.join()
    return found


def _answer(answers, end, job: Callable, args: tuple) -> None:
    answers.put(job(*args))
    end.wait()


def _memory(file: str, *fields: str) -> float:
    """Returns the sum of some fields of /proc for this process, in MiB."""
    lines = Path("/proc/self", file).read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(fields)) / 1024
