"""Trains a run to its end, however often it is killed: `python killed.py CONFIG KILLS PROCESSES`.

A program of its own, because it forks: a start costs no imports then, and the forks of a test run
would inherit what that has open. Each start is a process group that SIGKILL ends as a whole, at a
random moment of its life; what was killed after its end does not count. Prints how many it killed.
"""

import os
import random
import signal
import socket
import sys
import time

import torch

from slowfast.config.defaults import get_cfg
from slowfast.engine.training import train
from slowfast.utils import distributed


def start(cfg, rank: int, processes: int, port: int) -> int:
    """Forks a process of the run; its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if processes > 1:
            where = f"tcp://localhost:{port}"
            distributed.init_process_group(rank, processes, 0, 1, where, "gloo")
        train(cfg)
        status = 0
    finally:
        os._exit(status)


def live(cfg, processes: int, seconds: float) -> tuple[bool, float]:
    """A life of the run, of so many seconds at most; whether it was killed, and how long it was."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    children = [start(cfg, rank, processes, port) for rank in range(processes)]
    statuses = {}
    while len(statuses) < processes:
        for child in set(children) - set(statuses):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                statuses[child] = status
        if time.monotonic() - began > seconds:
            for child in set(children) - set(statuses):
                os.killpg(child, signal.SIGKILL)
                statuses[child] = os.waitpid(child, 0)[1]
        time.sleep(0.002)
    killed = any(os.WIFSIGNALED(status) for status in statuses.values())
    if not killed and any(statuses.values()):
        sys.exit(f"a process failed: {statuses}")
    return killed, time.monotonic() - began


def main(path: str, kills: int, processes: int) -> None:
    torch.set_num_threads(1)
    cfg = get_cfg()
    cfg.merge_from_file(path)
    undisturbed = cfg.clone()
    undisturbed.OUTPUT_DIR += "-undisturbed"
    _, whole = live(undisturbed, processes, 1e9)
    # What a start takes before the first step, about; the rest is spread over the lives.
    short = cfg.clone()
    short.OUTPUT_DIR += "-short"
    short.SOLVER.MAX_EPOCH = 1
    _, least = live(short, processes, 1e9)
    rng = random.Random(7)
    count = 0
    while count < kills:
        killed, _ = live(cfg, processes, rng.uniform(0, 1.1 * least + 0.5 * whole / kills))
        count += killed
        if not killed:
            break
    live(cfg, processes, 1e9)
    print(count)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
