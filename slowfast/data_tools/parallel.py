"""Work on many clips or files at once, as the programs that make and check data sets do it."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from tqdm import tqdm

from slowfast.ak.run.cores import available_cores


def run_all(
    jobs: Sequence[Any], work: Callable[[Any], Any], title: str, workers: int = 0
) -> list[Any]:
    """Does `work(job)` for all jobs, `workers` at once, with a progress bar on a terminal.

    0 workers are as many as this process has cores, 16 at most.

    Threads are enough, since numpy, x264 and the JPEG library all let go of the interpreter's
    lock; and nothing has to be imported anew. The first failure stops the rest. Returns the
    results in order.
    """
    stop = threading.Event()

    def unless_stopped(job: Any) -> Any:
        if stop.is_set():
            return None
        try:
            return work(job)
        except BaseException:
            stop.set()  # here, before other threads take up the jobs that are left
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
