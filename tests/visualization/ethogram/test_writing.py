"""The files of an ethogram, without a browser."""

import base64
import json
import re

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.ethograms.scores import VideoScores
from slowfast.visualization.ethogram import record, write_ethogram
from slowfast.visualization.ethogram.picture import Panel, draw_ethogram

from .videos import CLASSES, NASTY, SECONDS, bout, make_bouts, make_events, make_scores


def data_of(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(text.partition('id="data">')[2].partition("</script>")[0])


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "films" / "day 1 #2.webm"
    path.parent.mkdir()
    path.write_bytes(b"")
    return path


def test_a_page_loads_only_its_video_and_names_cannot_leave_the_data(tmp_path, video):
    folder = tmp_path / "out"
    index = write_ethogram(folder, [make_scores(video)], make_bouts(video), picture="")
    pages = sorted(path.name for path in folder.iterdir())
    assert pages == ["day 1 #2.html", "index.html"]
    for page in (index, folder / "day 1 #2.html"):
        text = page.read_text(encoding="utf-8")
        loads = re.findall(
            r"""(?:\bsrc|\bhref|url|@import|fetch)\s*[=(]\s*["']?([^"')\s>]+)""", text
        )
        assert not [
            each for each in loads if not each.startswith(("data:", "#", "URL.", "record."))
        ]
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text)
        assert NASTY not in text
    assert data_of(index)["videos"][0]["page"] == "day%201%20%232.html"
    found = data_of(folder / "day 1 #2.html")
    assert found["media"] == "../films/day%201%20%232.webm"
    assert found["classes"][2] == NASTY
    assert found["path"] == str(video)


def test_media_take_the_place_of_a_video_that_does_not_play(tmp_path, video):
    copy = tmp_path / "out" / "copy.mp4"
    copy.parent.mkdir()
    copy.write_bytes(b"")
    folder = copy.parent
    for media, address in (({str(video): copy}, "copy.mp4"), ({str(video): None}, None)):
        write_ethogram(folder, [make_scores(video)], [], media=media, picture="")
        assert data_of(folder / "day 1 #2.html")["media"] == address
    frames = tmp_path / "frames"
    frames.mkdir()
    write_ethogram(folder, [make_scores(frames)], [], picture="")
    assert data_of(folder / "frames.html")["media"] is None


def test_bouts_events_and_stills_are_those_of_their_video(tmp_path):
    videos = [tmp_path / name for name in ("a.mp4", "A.avi", "index.mp4")]
    bouts = [each for video in videos for each in make_bouts(video)]
    write_ethogram(
        tmp_path / "out",
        map(make_scores, videos),
        bouts,
        events=make_events(videos[1]),
        stills={bouts[4]: b"jpeg"},
        thresholds={"walking": 0.25},
        picture="",
    )
    found = data_of(tmp_path / "out/A-2.html")
    assert [row[:5] for row in found["bouts"]] == [
        [2, 0, 0.5, 0, 4],
        [0, 2, 4, 20, 39],
        [0, 6, 7, 60, 69],
    ]
    assert found["classes"] == [*CLASSES, "climbing"]
    assert found["events"] == [[0, 2.5, 4, ""], [4, 5, 6, ""]]
    assert found["stills"] == {"2": "data:image/jpeg;base64," + base64.b64encode(b"jpeg").decode()}
    assert found["thresholds"] == [0.25, None, None, None, None]
    assert (tmp_path / "out/index-2.html").exists()
    overview = data_of(tmp_path / "out/index.html")
    assert [len(each["bouts"]) for each in overview["videos"]] == [3, 3, 3]
    assert overview["classes"] == [*CLASSES, "climbing"]


def test_scores_of_a_long_video_keep_their_peaks_and_gaps(monkeypatch):
    monkeypatch.setattr(record, "MOST_CELLS", 3)
    scores = np.array([0.1, 0.9, 0.2, np.nan, np.nan, np.nan, 0.3], np.float32)[:, None]
    frames = np.arange(8) * 4
    values, times, edges = record.pooled(VideoScores("a", ("x",), frames / 10, frames, scores))
    assert values[:, 0].tolist() == pytest.approx([0.9, np.nan, 0.3], nan_ok=True)
    assert edges.tolist() == [0, 12, 24, 28]
    assert times.tolist() == pytest.approx([0, 1.2, 2.4, 2.8])
    assert record.as_bytes(values)[:, 0].tolist() == [229, 255, 76]


def test_the_picture_names_classes_and_its_ending_names_the_format(tmp_path):
    panels = [
        Panel("day 1.mp4", SECONDS, make_bouts("a"), make_events("a")),
        Panel("$empty$", 4.5, []),
    ]
    path = draw_ethogram(tmp_path / "new" / "e.svg", panels, [*CLASSES, "climbing"])
    text = path.read_text(encoding="utf-8")
    for name in ("walking", "climbing", "day 1.mp4", "$empty$", "no bout", "person"):
        assert f">{name}<" in text, name
    assert ">sitting<" not in text  # it does not occur
    assert (draw_ethogram(tmp_path / "e.png", panels, (*CLASSES, "climbing"))).stat().st_size
    with pytest.raises(UserError, match="cannot be written"):
        draw_ethogram(tmp_path / "e.xyz", panels, [*CLASSES, "climbing"])


def test_a_picture_without_room_for_all_videos_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("slowfast.visualization.ethogram.picture._MOST_ROWS", 2)
    panels = [Panel(name, 2, [bout(name, "walking", 0, 1)]) for name in "abc"]
    path = draw_ethogram(tmp_path / "e.svg", panels, CLASSES)
    assert "The first 2 of 3 videos" in path.read_text(encoding="utf-8")
