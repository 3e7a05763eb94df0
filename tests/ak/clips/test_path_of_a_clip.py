"""A clip passes at most ten files from its line in the list to the batch, and these are named here.

Counted: each file of `slowfast` in which a function runs, in any thread, while the list is read and
indexed and while the loader makes a batch: order of clips, window, reading and decoding frames,
scaling, cropping, labels, meta, collating by the task, log of bad clips, time limit.
Not counted: building objects from the configuration, which happens before (data set, reader,
loader), the check for missing files in it, and the index file of a list above 1 MB. Nor are the
files of what a run can add: random resized crops and the group AUG. The loader has no worker
processes, which would do the same work in another process.
"""

import sys
import threading
from pathlib import Path

import pytest

import slowfast
from slowfast.ak.lists import clip_list
from slowfast.ak.lists.clip_list import ClipList
from slowfast.config.defaults import get_cfg
from slowfast.datasets.loader import construct_loader
from slowfast.tasks import choose_task

ROOT = Path(slowfast.__file__).parent

COMMON = {
    "ak/lists/lines.py",
    "ak/lists/clip_list.py",
    "ak/paths.py",
    "ak/clips/loader.py",
    "ak/clips/dataset.py",
    "ak/clips/sampling.py",
    "ak/clips/bad_clips.py",
}
ONLY_IN_TRAINING = {"tasks/batch.py"}  # joins items to a batch; a test joins views later
FRAMES = {
    "image": {"ak/frames/images.py"},
    "video": {"ak/frames/video.py", "ak/frames/pyav.py"},
}
# A test makes all views of a clip, and replaces frames that do not decode.
ONLY_IN_A_TEST = {"ak/clips/views.py", "ak/frames/reader.py"}


def files_of(action) -> set[str]:
    """The files of `slowfast` in which functions run during an action."""
    found = set()

    def note(frame, event, argument):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT):
            found.add(str(path.relative_to(ROOT)))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return found


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("split", ["train", "test"])
def test_files_from_list_line_to_batch(tiny_ak, frames, split):
    cfg = get_cfg()
    cfg.merge_from_list([*tiny_ak.opts(), "AK.FRAMES", frames])
    collate = choose_task(cfg).collate if split == "train" else None
    loader = construct_loader(cfg, split, collate=collate)
    clip_list._cached_list.cache_clear()
    path = tiny_ak.annot / ("train.csv" if split == "train" else "val.csv")
    found = files_of(lambda: ClipList.read(path, 5)) | files_of(lambda: next(iter(loader)))
    own = ONLY_IN_TRAINING if split == "train" else ONLY_IN_A_TEST
    assert found == COMMON | FRAMES[frames] | own
    assert len(found) <= (10 if split == "train" else 11)
