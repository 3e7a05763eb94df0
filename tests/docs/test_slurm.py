"""The SLURM script, with stand-ins for SLURM's own commands."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A task a node: runs the command as each of two nodes, and ends with the larger exit status.
SRUN = """#!/bin/bash
shift
worst=0
for node in 0 1; do
    SLURM_NODEID=$node "$@"
    status=$?
    [ $status -gt $worst ] && worst=$status
done
exit $worst
"""
SCONTROL = """#!/bin/bash
[ "$1" = show ] && printf 'first\\nsecond\\n'
[ "$1" = requeue ] && echo "requeue $2"
exit 0
"""
PYTHON = """#!/bin/bash
echo "$@"
exit $STATUS
"""


@pytest.mark.parametrize("status", [0, 2, 75])
def test_each_node_joins_and_a_stopped_run_is_queued_again(tmp_path, status):
    for name, text in {"srun": SRUN, "scontrol": SCONTROL, "python": PYTHON}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    job = {"SLURM_JOB_ID": "41", "SLURM_NNODES": "2", "SLURM_JOB_NODELIST": "n[1-2]"}
    paths = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", ROOT / "docs/slurm/train.sh", "--cfg", "a file.yaml", "SOLVER.MAX_EPOCH", "3"],
        env={**os.environ, **job, "STATUS": str(status), "PATH": paths, "PYTHON": "python"},
        capture_output=True,
        text=True,
    )
    command = "tools/run_net.py --cfg a file.yaml SOLVER.MAX_EPOCH 3 --num_shards 2"
    assert done.stdout.splitlines()[:2] == [
        f"{command} --shard_id {node} --init_method tcp://first:20041" for node in range(2)
    ]
    assert done.stdout.splitlines()[2:] == (["requeue 41"] if status == 75 else [])
    assert done.returncode == status, done.stderr
