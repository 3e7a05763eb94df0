"""Demo data: long-tailed, the same each time, and never written over other files."""

import json
import shutil

import pytest
from openpyxl import load_workbook

from slowfast.ak.errors import UserError
from slowfast.data_tools import ak_writer, demo_data
from slowfast.data_tools.demo_data import CLASSES, make_demo_data, make_settings, plan_clips

SMALL = make_settings(size="small")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small set."""
    root = tmp_path_factory.mktemp("demo") / "set"
    assert make_demo_data(root, SMALL)
    return root


def counts(plan, split):
    listed = [ak_writer.ListedClip(c.name, 1, c.labels) for c in plan if c.split == split]
    return ak_writer.count_labels(listed, len(CLASSES)), listed


@pytest.mark.parametrize(("seed", "size"), [(0, "standard"), (1, "small"), (2, "small")])
def test_the_set_is_long_tailed_and_every_class_has_validation_clips(seed, size):
    plan = plan_clips(make_settings(seed, size=size))
    in_train, train = counts(plan, "train")
    in_val, _ = counts(plan, "val")
    segments = [row.segment for row in demo_data.class_rows(train)]
    assert set(segments) == {"head", "middle", "tail"}
    assert segments.count("tail") == 4
    assert max(in_train) > 8 * min(in_train) > 0
    assert min(in_val) >= 5
    assert {len(clip.labels) for clip in plan} == {1, 2, 3, 4}
    assert len({clip.name for clip in plan}) == len(plan)
    shapes = {(clip.scene.width, clip.scene.height) for clip in plan}
    assert any(w < h for w, h in shapes)
    assert any(w > h for w, h in shapes)


def test_the_settings_determine_the_set():
    assert plan_clips(SMALL) == plan_clips(SMALL)
    assert plan_clips(SMALL) != plan_clips(make_settings(seed=1, size="small"))


def test_lists_videos_frames_and_class_sheet_agree(made):
    for split in ("train", "val"):
        lines = (made / "annot" / f"{split}.csv").read_text().splitlines()[1:]
        planned = [clip for clip in plan_clips(SMALL) if clip.split == split]
        assert len(lines) == sum(clip.scene.num_frames for clip in planned)
        for line in lines:
            _, _, frame, path, labels = line.split(" ")
            assert (made / "image" / path).is_file()
            assert path.endswith(f"_{int(frame) + 1:06d}.jpg")
            assert 1 <= len(labels.strip('"').split(",")) <= 4
        for clip in planned[:5]:
            frames = list(ak_writer.decode_rgb(made / "video" / f"{clip.name}.mp4"))
            assert len(frames) == clip.scene.num_frames
            assert frames[0].shape == (clip.scene.height, clip.scene.width, 3)
    sheet = load_workbook(made / "annot" / "df_action.xlsx").active
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert [(row[1], row[2]) for row in rows] == [(n, i) for i, n in enumerate(CLASSES)]
    assert [row[4] for row in rows] == counts(plan_clips(SMALL), "train")[0]


def test_a_complete_set_is_not_changed(made):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    assert make_demo_data(made, SMALL) is False
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_a_set_of_an_earlier_version_gets_the_film(made):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file()}
    film = {path for path in before if path.parent.name == "film"}
    assert {path.name for path in film} == {"film.mp4", "events.csv"}
    shutil.rmtree(made / "film")
    assert make_demo_data(made, SMALL) is True
    after = {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file()}
    assert {path for path in before if after[path] != before[path]} == film


def test_a_stopped_set_is_completed(made, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ak_writer, "write_clip", stop)
        with pytest.raises(KeyboardInterrupt):
            make_demo_data(tmp_path / "set", SMALL)
    # As if it had been stopped three clips before the end.
    for folder in ("image", "video"):
        shutil.copytree(made / folder, tmp_path / "set" / folder, dirs_exist_ok=True)
    kept, *missing = sorted((tmp_path / "set" / "video").iterdir())[:4]
    for path in missing:
        path.unlink()
    stamp = kept.stat().st_mtime_ns
    assert make_demo_data(tmp_path / "set", SMALL) is True
    assert kept.stat().st_mtime_ns == stamp
    assert all(path.exists() for path in missing)
    assert make_demo_data(tmp_path / "set", SMALL) is False


def test_other_settings_are_refused_and_nothing_is_changed(made):
    with pytest.raises(UserError, match=r"seed 0.*seed 3.*another folder"):
        make_demo_data(made, make_settings(seed=3, size="small"))
    assert json.loads((made / "demo_data.json").read_text())["settings"]["seed"] == 0


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match=r"not empty.*demo_data\.json"):
        make_demo_data(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(UserError, match="is a file"):
        make_demo_data(tmp_path / "thesis.txt", SMALL)
    (tmp_path / "demo_data.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be read as the marker"):
        make_demo_data(tmp_path, SMALL)


def test_impossible_settings_are_refused():
    with pytest.raises(UserError, match=r"--size huge.*standard, small"):
        make_settings(size="huge")
    with pytest.raises(UserError, match="at least 110"):
        make_settings(clips=20)


def test_apportion_keeps_the_total_and_the_least_part():
    assert demo_data.apportion([5, 3, 2], 10) == [5, 3, 2]
    assert demo_data.apportion([98, 1, 1], 10, least=2) == [6, 2, 2]
    assert sum(demo_data.apportion([1, 1, 1], 100)) == 100
    with pytest.raises(ValueError, match="at least 3"):
        demo_data.apportion([1, 1, 1], 8, least=3)
