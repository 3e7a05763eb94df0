"""The table of bouts that a person has corrected on a page."""

import pytest

from slowfast.data_tools.events import read_events

HEADER = "video,subject,class,start_s,stop_s,first_frame,last_frame,mean_score,peak_score,review\n"


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "fox_bouts.csv"
        path.write_text(HEADER + text)
        return read_events(path)

    return read


def test_a_row_is_a_bout_or_a_time_that_was_checked(read):
    table = read(
        'fox.mp4,,"run, fast",2,12,50,299,0.7,0.9,moved\n'
        "fox.mp4,,rest,30,31,750,774,0.6,0.6,\n"
        "fox.mp4,,,0,10,0,249,,,checked\n"
    )
    assert table.format == "corrections"
    assert [(e.video, e.start, e.stop, e.label, e.looked_at) for e in table.events] == [
        ("fox.mp4", 2, 12, "run, fast", True),
        ("fox.mp4", 30, 31, "rest", False),
        ("fox.mp4", 0, 10, "", True),
    ]
    assert not table.mistakes


def test_a_video_of_which_all_bouts_were_rejected_is_no_mistake(read):
    table = read("")
    assert (table.events, table.mistakes) == ([], [])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a.mp4,,run,0,1,0,24,,,perhaps\n", "review 'perhaps': expected accepted, moved"),
        ("a.mp4,,run,0,1,0,24,,,checked\n", "a checked time has no class"),
        ("a.mp4,,,0,1,0,24,,,added\n", "class is empty"),
    ],
)
def test_rows_that_are_wrong_are_named(read, row, words):
    (mistake,) = read(row).mistakes
    assert words in str(mistake)
    assert "fox_bouts.csv:2" in str(mistake)
