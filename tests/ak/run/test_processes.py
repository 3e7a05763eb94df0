"""Objects of all processes come together, whatever group there is, and was before."""

import torch
import torch.distributed as dist

from slowfast.ak.run.processes import gather_objects, rank_and_size


def _twice(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    for meeting in ("first", "second"):
        dist.init_process_group(
            "gloo", init_method=f"file://{folder}/{meeting}", rank=rank, world_size=2
        )
        assert rank_and_size() == (rank, 2)
        assert gather_objects(["a"] * rank) == [[], ["a"]]
        dist.destroy_process_group()
    assert rank_and_size() == (0, 1)


def test_two_processes_meet_leave_and_meet_again(tmp_path):
    torch.multiprocessing.spawn(_twice, args=(str(tmp_path),), nprocs=2)


def test_one_process_needs_no_group():
    assert rank_and_size() == (0, 1)
    assert gather_objects({"a": 1}) == [{"a": 1}]
