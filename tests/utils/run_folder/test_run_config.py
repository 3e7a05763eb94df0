"""config.yaml repeats the run, and an earlier file is not lost."""

import pytest

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.utils.run_folder.run_config import save_config


def test_the_file_gives_the_configuration_again(tmp_path):
    cfg = get_cfg()
    cfg.merge_from_list(["OUTPUT_DIR", str(tmp_path), "SOLVER.STEPS", [0, 3], "AK.HEAD_MIN", 4])
    again = get_cfg()
    again.merge_from_file(str(save_config(cfg)))
    assert again == cfg


def test_a_different_earlier_file_is_kept(tmp_path):
    cfg = get_cfg()
    cfg.OUTPUT_DIR = str(tmp_path)
    texts = []
    for epochs in (1, 1, 2, 3):
        cfg.SOLVER.MAX_EPOCH = epochs
        texts.append(save_config(cfg).read_text())
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "config.yaml",
        "config_1.yaml",
        "config_2.yaml",
    ]
    assert (tmp_path / "config_1.yaml").read_text() == texts[0]
    assert (tmp_path / "config_2.yaml").read_text() == texts[2]
    assert (tmp_path / "config.yaml").read_text() == texts[3]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    cfg = get_cfg()
    cfg.OUTPUT_DIR = str(tmp_path)
    path = save_config(cfg)
    before = path.read_bytes()
    (tmp_path / "unfinished.tmp").mkdir()  # the temporary file cannot be written
    cfg.SOLVER.MAX_EPOCH = 7
    with pytest.raises(UserError, match="cannot be written"):
        save_config(cfg)
    assert path.read_bytes() == before
    assert not (tmp_path / "config_1.yaml").exists()
