"""Events and predictions in files meet: names of videos and classes, times that nobody observed."""

import json

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.ethograms.agreement.evaluation import Evaluation, match_names
from slowfast.ethograms.agreement.grid import Grid
from slowfast.ethograms.agreement.side import Choice, WindowScores, read_side

BOUTS = "video,subject,class,start_s,stop_s,first_frame,last_frame,mean_score,peak_score\n"
NASTY = "sit, stand"


@pytest.fixture
def prediction(tmp_path):
    """Windows of 2 s every second, of 10 s of film 1 (and a video without a bout)."""
    folder = tmp_path / "predictions"
    folder.mkdir()
    (folder / "bouts.csv").write_text(
        BOUTS + "/lab/films/film 1.mp4,,walk,2.000,6.000,50,149,0.8,0.9\n"
        f'/lab/films/film 1.mp4,,"{NASTY}",0.000,1.000,0,24,0.6,0.6\n'
    )
    rows = [f'video,start_s,end_s,walk,"{NASTY}",NA']
    for start in range(9):
        score = 0.9 if 2 <= start <= 4 else 0.1
        rows.append(f"/lab/films/film 1.mp4,{start},{start + 2},{score},0.2,0.3")
    rows += ["NA,0,2,0.5,0.5,0.5", "NA,1,3,,,"]
    (folder / "windows.csv").write_text("\n".join(rows) + "\n")
    return folder


def write(path, *rows):
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def table(path, *rows):
    return write(path, "video,start,end,behavior,subject", *rows)


def test_a_prediction_has_its_bouts_and_its_scores(prediction):
    side = read_side(prediction)
    assert side.classes == ("walk", NASTY, "NA")
    assert side.videos == ["/lab/films/film 1.mp4", "NA"]
    assert side.labels("/lab/films/film 1.mp4") == {"walk", NASTY}
    scores = side.scores["/lab/films/film 1.mp4"].on_grid("x", side.classes, Grid.of_rate(10, 25))
    assert scores.times.tolist() == list(range(11))
    # A second is in two windows but for the first and the last one.
    expected = [0.1, 0.1, 0.5, 0.9, 0.9, 0.5, 0.1, 0.1, 0.1, 0.1]
    np.testing.assert_allclose(scores.scores[:, 0], expected, rtol=1e-6)
    empty = side.scores["NA"].on_grid("NA", side.classes, Grid.of_rate(4, 25))
    assert np.isnan(empty.scores[:, 0]).tolist() == [False, False, True, True]
    assert read_side(prediction / "bouts.csv").classes == side.classes


def test_scores_of_frames_are_taken_where_there_are_some(prediction):
    write(prediction / "frames.csv", "video,frame,time_s,walk", *(
        f"film,{number},{number / 25},{number / 100}" for number in range(50)
    ))  # fmt: skip
    side = read_side(prediction)
    scores = side.scores["film"].on_grid("film", side.classes, Grid.of_rate(2, 25))
    np.testing.assert_allclose(scores.scores[:, 0], np.arange(50) / 100, rtol=1e-6)
    assert scores.frames.tolist() == list(range(51))


def test_windows_of_uneven_times_are_rounded_to_frames():
    windows = WindowScores(np.array([0, 0.51]), np.array([0.99, 1.4]), np.array([[0.2], [0.4]]))
    scores = windows.on_grid("x", ("walk",), Grid.of_rate(2, 10))
    assert scores.frames.tolist() == [0, 5, 10, 14, 20]
    assert scores.scores[:, 0].tolist() == pytest.approx([0.2, 0.3, 0.4, np.nan], nan_ok=True)


def test_videos_and_classes_meet_by_name(prediction, tmp_path):
    truth = read_side(
        table(
            tmp_path / "labels.csv",
            "D:\\2026\\Film 1.avi,2.5,6.0,Walk,",
            "D:\\2026\\Film 1.avi,7.0,8.0,fly,",
            "D:\\2026\\film 2.avi,0,1,walk,",
        )
    )
    evaluation = Evaluation(truth, [read_side(prediction)])
    (found,) = evaluation.agreements(resamples=10)
    assert evaluation.classes == ("walk", NASTY, "NA")
    assert evaluation.names == {"/lab/films/film 1.mp4": "D:\\2026\\Film 1.avi"}
    assert found.by_class["recall"][0] == 1
    assert found.by_class["precision"][0] == pytest.approx(3.5 / 4, abs=0.01)
    # 88 frames of the person, of which 12, 50 and 25 have the scores 0.5, 0.9 and 0.5.
    assert found.by_class["ap"][0] > 0.9
    notes = "\n".join(evaluation.notes)
    assert "labels.csv: 1 of 2 videos are not in the other file" in notes
    assert "film 2.avi" in notes
    assert "1 classes are not among those that are predicted, and count nowhere: fly" in notes
    assert "film 1.mp4: cannot be opened, so figures are of 25 frames per second" in notes


def test_two_people_are_compared_on_the_classes_of_both(tmp_path):
    anna = read_side(table(tmp_path / "a.csv", "f.mp4,0,2,walk,", "f.mp4,2,4,eat,"))
    ben = read_side(table(tmp_path / "b.csv", "f.mp4,0,2,walk,", "f.mp4,2,3,fly,"))
    (found,) = Evaluation(anna, [ben], rate=10).agreements()
    assert found.classes == ("eat", "walk", "fly")
    assert found.by_class["f1"].tolist() == pytest.approx([0, 1, np.nan], nan_ok=True)
    assert found.mean["f1"] == 0.5  # eat counts as missed


def test_times_that_a_person_did_not_see_count_nowhere(tmp_path):
    frames = [[1, 0]] * 20 + [[-1, -1]] * 10 + [[0, 1]] * 10
    write(
        tmp_path / "f_labels.csv",
        ",background,walk",
        *(f"{number},{a},{b}" for number, (a, b) in enumerate(frames)),
    )
    truth = read_side(tmp_path / "f_labels.csv")
    ben = read_side(table(tmp_path / "b.csv", "f.mp4,2.0,4.0,walk,"))
    (found,) = Evaluation(truth, [ben], rate=10).agreements()
    assert found.videos[0].frames == 30
    assert found.by_class["f1"].tolist() == [1]
    # The rows of a table of clips say nothing of other times.
    clips = read_side(
        write(tmp_path / "c.csv", "video,start,end,split,labels", "f.mp4,0,1,train,walk",
              "f.mp4,3,4,train,")
    )  # fmt: skip
    (found,) = Evaluation(clips, [ben], rate=10).agreements()
    assert found.videos[0].frames == 20
    assert found.videos[0].predicted.tolist() == [10]


def test_of_corrected_bouts_the_times_that_were_looked_at_are_observed(tmp_path):
    corrected = write(
        tmp_path / "corrected.csv",
        f"{BOUTS.strip()},review",
        "film.mp4,,walk,1,3,25,74,0.5,0.6,",
        "film.mp4,,walk,6,7,150,174,0.5,0.6,",
        "film.mp4,,run,8,9,200,224,,,added",
        "film.mp4,,,0,4,0,99,,,checked",
    )
    side = read_side(corrected)
    grid = Grid.of_rate(10, 25)
    bouts = [(bout.label, bout.start, bout.stop) for bout in side.bouts("film.mp4", grid)]
    assert sorted(bouts) == [("run", 8, 9), ("walk", 1, 3)]
    assert list(side.unknown("film.mp4", grid)) == [(4, 8), (9, 10)]


def test_subjects_modifiers_and_events_past_the_end(tmp_path):
    path = write(
        tmp_path / "a.csv",
        "video,start,end,behavior,subject,modifier",
        "f.mp4,0,1,walk,tom,slow",
        "f.mp4,2,3,walk,jim,",
        "f.mp4,90,91,walk,tom,",
    )
    side = read_side(path, choice=Choice(subjects=["tom"], modifiers=True))
    bouts = side.bouts("f.mp4", Grid.of_rate(4, 25))
    assert [(bout.label, bout.subject, bout.last_frame) for bout in bouts] == [
        ("walk|slow", "tom", 24)
    ]
    assert side.outside == {"f.mp4": 1}
    with pytest.raises(UserError, match=r"--subject tim: .*did you mean tom"):
        read_side(path, choice=Choice(subjects=["tim"]))


def test_tables_that_count_frames_alone_have_a_length(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        rows = (f"{number},{int(number > 9)},{int(number < 10)}" for number in range(20))
        write(tmp_path / name / "f_labels.csv", ",background,walk", *rows)
    anna, ben = (read_side(tmp_path / name / "f_labels.csv") for name in ("a", "b"))
    (found,) = Evaluation(anna, [ben], rate=10).agreements()
    assert found.videos[0].frames == 20
    assert found.videos[0].both.tolist() == [10]


def test_rows_with_mistakes_can_be_left_out(tmp_path):
    path = table(tmp_path / "a.csv", "f.mp4,0,2,walk,", "f.mp4,soon,2,walk,")
    with pytest.raises(UserError, match=r"a\.csv:3: .*soon"):
        read_side(path)
    side = read_side(path, skip_mistakes=True)
    assert len(side.events["f.mp4"]) == 1
    assert "a.csv:3" in side.notes[-1]


def test_no_common_video_is_an_error_that_names_them(prediction, tmp_path):
    truth = read_side(table(tmp_path / "a.csv", "other.mp4,0,1,walk,"))
    with pytest.raises(UserError, match=r"other\.mp4; .*film 1\.mp4.*No video is in all"):
        Evaluation(truth, [read_side(prediction)])


def test_names_that_fit_several_videos():
    day = ["day1/a.mp4", "day2/a.mp4"]
    assert match_names(["/x/day2/a.avi"], day) == {"/x/day2/a.avi": "day2/a.mp4"}
    assert match_names(["a", "b"], ["/p/A.MP4"]) == {"a": "/p/A.MP4"}
    with pytest.raises(UserError, match=r"a: can be any of day1/a\.mp4, day2/a\.mp4"):
        match_names(["a"], day)


def test_wrong_tables_of_scores_are_errors(prediction):
    write(prediction / "windows.csv", "video,start_s,end_s,walk", "f,0,1,high")
    with pytest.raises(UserError, match=r"windows\.csv: has a value that is no number"):
        read_side(prediction)
    write(prediction / "windows.csv", "video,from,to,walk")
    with pytest.raises(UserError, match=r"windows\.csv:1: expected the columns video, start_s"):
        read_side(prediction)


def test_a_prediction_without_a_bout_has_the_precision_of_its_scores(prediction):
    write(prediction / "bouts.csv", BOUTS.strip())
    labels = table(prediction.parent / "l.csv", "film 1.mp4,2,6,walk,")
    found = Evaluation(read_side(labels), [read_side(prediction)]).agreements(9, 0)[0]
    assert found.mean["ap"] > 0.5
    assert found.mean["f1"] == 0


def test_the_program_prints_compares_and_writes(prediction, tmp_path, capsys):
    from evaluate_events import main

    rows = [f"film {n}.mp4,{n % 3},{3 + n % 2},walk," for n in range(4)]
    truth = table(tmp_path / "a.csv", *rows)
    good = table(tmp_path / "good.csv", *rows)
    bad = table(tmp_path / "bad.csv", *(row.replace(",walk", ",run") for row in rows[:3]), rows[3])
    args = [
        str(truth),
        str(bad),
        str(good),
        "--json",
        str(tmp_path / "f.json"),
        "--resamples",
        "99",
    ]
    assert main(args) == 0
    out = capsys.readouterr().out
    assert "4 videos, " in out
    assert "Intervals over fewer than 10 videos are too narrow." in out
    assert "random scores" not in out  # the tables have bouts alone
    line = next(line for line in out.splitlines() if line.startswith("walk")).split()
    assert line[3] == "-"  # no scores, no average precision
    assert "F1                 " in out.partition("B better in")[2]
    record = json.loads((tmp_path / "f.json").read_text())
    assert record["predictions"][1]["mean"]["f1"]["value"] == 1
    assert record["differences"]["mean"]["f1"]["value"] == pytest.approx(7 / 15)
    assert main([str(truth), str(bad), str(good), str(bad)]) == 2
    assert "found 3 predictions; expected one, or two" in capsys.readouterr().err
    for option, path, words in (
        ("--json", tmp_path / "no" / "f.json", f"there is no folder {tmp_path / 'no'}"),
        ("--json", tmp_path, "is a folder; expected the name of a file"),
        ("--pages", truth / "pages", f"cannot be a folder, because {truth} is a file"),
    ):  # before anything is read: the predictions do not exist
        assert main([str(truth), "gone", option, str(path)]) == 2
        assert words in capsys.readouterr().err
    pages = tmp_path / "pages"
    labels = table(tmp_path / "l.csv", "film 1.mp4,2,6,walk,")
    assert main([str(labels), str(prediction), "--pages", str(pages)]) == 0
    assert capsys.readouterr().out.strip().endswith("index.html")
    text = (pages / "film 1.html").read_text(encoding="utf-8")
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert data["bouts"][1][:5] == [0, 2, 6, 50, 149]
    assert data["bouts"][1][5] == pytest.approx(0.7)  # the mean of its scores
    assert data["events"] == [[0, 2, 6, ""]]
    assert data["agreement"]["classes"][0]["f1"]["value"] == 1
