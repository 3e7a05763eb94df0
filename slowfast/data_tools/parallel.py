"""Runs a job for many clips or files in parallel threads, with a progress bar."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from tqdm import tqdm

from slowfast.ak.run.cores import available_cores


def run_all(
    jobs: Sequence[Any], work: Callable[[Any], Any], title: str, workers: int = 0
) -> list[Any]:
    """Calls `work(job)` for all jobs and returns the results in the order of the jobs.

    Threads are enough, because numpy, x264 and the JPEG library release the interpreter's lock.
    The first job that raises stops the jobs that have not begun, and its error is raised.

    Args:
        title: label of the progress bar, which appears on a terminal only.
        workers: number of threads; 0 takes one for each core, at most 16.
    """
    stop = threading.Event()

    def unless_stopped(job: Any) -> Any:
        if stop.is_set():
            return None
        try:
            return work(job)
        except BaseException:
            stop.set()  # in this thread, before other threads begin the next jobs
            raise

    with (
        ThreadPoolExecutor(workers or min(available_cores(), 16)) as pool,
        tqdm(total=len(jobs), desc=title, unit="clip", disable=None) as bar,
    ):
        try:
            futures = [pool.submit(unless_stopped, job) for job in jobs]
            for future in as_completed(futures):
                future.result()
                bar.update()
        except BaseException:
            stop.set()
            raise
    return [future.result() for future in futures]
