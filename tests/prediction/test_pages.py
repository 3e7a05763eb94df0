"""The pages of a prediction: which exist, their pictures, and copies that browsers play."""

import json
import runpy
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from slowfast.ak.frames.pyav import every_frame
from slowfast.ethograms.scores import Bout, VideoScores
from slowfast.prediction.copies import is_playable, write_copy
from slowfast.prediction.stills import peak_frames

TOOL = Path(__file__).parents[2] / "tools" / "predict.py"
main = runpy.run_path(str(TOOL))["main"]


def data_of(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    return json.loads(text.partition('id="data">')[2].partition("</script>")[0])


@pytest.fixture(scope="module")
def predict(checkpoint, films, tmp_path_factory):
    """Returns a function that predicts on both films, always into the same folder."""
    out = tmp_path_factory.mktemp("pages") / "out"

    def predict(*overrides: str) -> Path:
        command = ["--checkpoint", str(checkpoint), str(films.folder), "--out", str(out)]
        assert main([*command, "PREDICT.STRIDE", "0.16", *overrides]) == 0
        return out

    return predict


def test_each_video_has_a_page_with_pictures_of_its_surest_bouts(predict, films, capsys):
    out = predict("PREDICT.THRESHOLD", "0.5", "PREDICT.STILLS", "2")
    assert "index.html shows them" in capsys.readouterr().out
    assert (out / "ethogram.png").stat().st_size > 1000
    assert [each["page"] for each in data_of(out / "index.html")["videos"]] == [
        "k%C3%BCrz.html",
        "long.html",
    ]
    data = data_of(out / "long.html")
    assert data["path"] == str(films.long)
    assert data["thresholds"] == [0.5, 0.5, 0.5]
    assert data["seconds"] == pytest.approx(1.88)
    assert data["frames"] == 47
    assert data["bouts"]
    files = sorted((out / "videos/long/stills").iterdir())
    assert len(files) == len(data["stills"]) == min(2, len(data["bouts"]))
    # A picture is the frame whose number it has.
    frames = [frame[..., :3].astype(int) for frame in every_frame(str(films.long))]
    still = cv2.imread(str(files[0]))[..., ::-1].astype(int)
    distances = [np.abs(still - frame).mean() for frame in frames]
    assert int(np.argmin(distances)) == int(files[0].stem)


def test_other_thresholds_give_other_bouts_and_read_only_new_pictures(predict):
    out = predict("PREDICT.THRESHOLD", "0.5", "PREDICT.STILLS", "40")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("stills/*.jpg")}
    predict("PREDICT.THRESHOLD", "0.52", "PREDICT.STILLS", "40")
    data = data_of(out / "long.html")
    assert data["thresholds"] == [0.52] * 3
    assert len(data["stills"]) == len(data["bouts"])
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_pages_can_be_left_out(predict):
    out = predict()
    (out / "index.html").unlink()
    predict("PREDICT.PAGES", "False")
    assert not (out / "index.html").exists()


def test_pictures_of_rare_classes_come_before_more_of_common_ones():
    frames = np.arange(0, 41, 4)
    scores = np.full((10, 2), 0.6, np.float32)
    scores[6, 0] = 0.9
    video = VideoScores("a", ("walk", "fly"), frames / 25, frames, scores)

    def bout(label, first, last, peak):
        return Bout("a", label, first / 25, (last + 1) / 25, first, last, "", 0.6, peak)

    common = [bout("walk", 0, 7, 0.6), bout("walk", 20, 31, 0.9)]
    rare = bout("fly", 0, 39, 0.6)
    found = peak_frames(video, [*common, rare], 2)
    assert found == {common[1]: 25, rare: 1}  # the middle of frames 24 to 27, and 0 to 3


@pytest.fixture
def old_video(tmp_path):
    """An AVI in MPEG-4 with 12 frames, 10 a second."""
    path = tmp_path / "old.avi"
    write_video(path, brightness=lambda number: 20 * number)
    return path


def write_video(path, brightness):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 36, "yuv420p"
        for number in range(12):
            pixels = np.full((36, 48, 3), brightness(number), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())


def test_a_copy_has_the_frames_and_times_of_the_video_and_plays_in_browsers(old_video, tmp_path):
    assert not is_playable(old_video)
    copy = write_copy(old_video, tmp_path / "new" / "copy.mp4")
    assert is_playable(copy)
    with av.open(str(copy)) as container:
        frames = list(container.decode(video=0))
    assert [round(float(frame.time), 3) for frame in frames] == [k / 10 for k in range(12)]
    values = [frame.to_ndarray(format="rgb24").mean() for frame in frames]
    np.testing.assert_allclose(values, 20 * np.arange(12), atol=4)


def test_copies_are_made_on_request_and_played_by_the_page(checkpoint, old_video, films, tmp_path):
    out = tmp_path / "out"
    command = ["--checkpoint", str(checkpoint), "--out", str(out), str(old_video), str(films.long)]
    assert main(command) == 0
    assert data_of(out / "old.html")["media"] == "../old.avi"
    assert main([*command, "PREDICT.PLAYABLE_COPIES", "True"]) == 0
    assert data_of(out / "old.html")["media"] == "videos/old/copy.mp4"
    assert [path.parent.name for path in out.rglob("copy.mp4")] == ["old"]


def test_a_video_that_has_changed_gets_new_pictures_and_a_new_copy(checkpoint, old_video, tmp_path):
    def results() -> list[bytes]:
        assert main(command) == 0
        files = [*tmp_path.glob("out/videos/old/copy.mp4"), *tmp_path.rglob("stills/*.jpg")]
        assert len(files) >= 2
        return [path.read_bytes() for path in files]

    command = ["--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"), str(old_video)]
    command += ["PREDICT.PLAYABLE_COPIES", "True", "PREDICT.THRESHOLD", "0"]
    first = results()
    assert results() == first
    write_video(old_video, brightness=lambda number: 220 - 20 * number)
    assert not set(results()) & set(first)


def test_a_video_that_is_gone_keeps_its_page(checkpoint, old_video, tmp_path):
    out = tmp_path / "out"
    command = ["--checkpoint", str(checkpoint), "--out", str(out)]
    other = old_video.with_name("other.avi")
    other.write_bytes(old_video.read_bytes())
    assert main([*command, str(old_video), "PREDICT.STILLS", "0"]) == 0
    old_video.unlink()
    assert main([*command, str(other)]) == 0
    data = data_of(out / "old.html")
    assert data["media"] is None
    assert data["stills"] == {}
    assert (out / "other.html").exists()


def test_an_evaluation_adds_the_labels_of_a_person_to_the_pages(predict, films, tmp_path, capsys):
    from evaluate_events import main as evaluate

    out = predict("PREDICT.THRESHOLD", "0.5", "PREDICT.STILLS", "40")
    before = data_of(out / "long.html")
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "video,start,end,behavior\nlong.avi,0.4,1.2,walking\nkürz.avi,0,0.1,walking\n"
    )
    assert evaluate([str(labels), str(out), "--pages", str(out)]) == 0
    assert "\nrandom scores  " in capsys.readouterr().out
    after = data_of(out / "long.html")
    assert after["events"] == [[0, 0.4, 1.2, ""]]
    assert after["agreement"]["mean"]["ap"]["value"] > 0
    assert after["agreement"]["random_scores"]["ap"] > 0
    for key in ("thresholds", "media", "frames"):
        assert after[key] == before[key], key
    numbers = [[row[:7] for row in data["bouts"]] for data in (after, before)]
    np.testing.assert_allclose(*numbers, atol=1e-4)
    assert after["stills"].keys() == before["stills"].keys()


def test_pages_of_an_evaluation_keep_the_videos_that_nobody_labelled(predict, tmp_path):
    from evaluate_events import main as evaluate

    out = predict("PREDICT.THRESHOLD", "0.5")
    labels = tmp_path / "labels.csv"
    labels.write_text("video,start,end,behavior\nlong.avi,0.4,1.2,walking\n")
    before = data_of(out / "kürz.html")
    assert evaluate([str(labels), str(out), "--pages", str(out)]) == 0
    videos = data_of(out / "index.html")["videos"]
    assert [(each["page"], each["compared"]) for each in videos] == [
        ("k%C3%BCrz.html", False),
        ("long.html", True),
    ]
    after = data_of(out / "kürz.html")
    assert (after["events"], after["agreement"]) == ([], None)
    numbers = [[row[:7] for row in data["bouts"]] for data in (after, before)]
    np.testing.assert_allclose(*numbers, atol=1e-4)
