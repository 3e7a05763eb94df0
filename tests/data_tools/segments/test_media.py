"""The video that a table means, found in a folder by a name from anywhere."""

import pytest

from slowfast.ak.errors import UserError
from slowfast.data_tools.segments.media import VideoFolder


@pytest.fixture
def find(tmp_path):
    """Finds a name in a folder with these files."""

    def do(name, *files):
        for file in files:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).touch()
        return VideoFolder(tmp_path, leave_out=tmp_path / "out").find(name)

    return do


@pytest.mark.parametrize(
    "name",
    [
        "fox.2024.05.mp4",
        "fox.2024.05",
        "fox.2024.05.avi",
        "FOX.2024.05.MP4",
        "/home/anna/films/fox.2024.05.mp4",
        r"C:\films\fox.2024.05.mp4",
        "file:///C:/films/fox.2024.05.mp4",
        "./videos/fox.2024.05.mp4",
    ],
)
def test_a_video_is_found_by_its_name_on_another_machine(find, name):
    files = ("fox.2024.05.mp4", "fox.2024.mp4", "fox.mp4", "notes.txt", "out/fox.2024.05.mp4")
    assert find(name, *files) == "fox.2024.05.mp4"


def test_blanks_of_a_file_url_are_decoded(find):
    assert find("file:///films/red%20deer%201.mp4", "red deer 1.mp4") == "red deer 1.mp4"


def test_folders_in_the_name_choose_between_videos_of_one_name(find):
    files = ("day1/cam/a.mp4", "day2/cam/a.mp4")
    assert find(r"D:\study\Day2\cam\a.avi", *files) == "day2/cam/a.mp4"
    with pytest.raises(UserError, match=r"a\.mp4: can be any of day1/cam/a\.mp4, day2/cam/a\.mp4"):
        find("a.mp4", *files)
    with pytest.raises(UserError, match=r"b: can be any of b\.avi, b\.mp4"):
        find("b", "b.avi", "b.mp4")
    assert find("b.mp4") == "b.mp4"


def test_a_missing_video_is_reported_with_the_nearest_name(find):
    with pytest.raises(UserError, match=r"fx_day1\.mp4: no such file; did you mean fox_day1\.mp4"):
        find("fx_day1.mp4", "fox_day1.mp4")
    with pytest.raises(
        UserError, match=r"^C:\\x\\qq\.mp4: no such file, and no video 'qq\.mp4' in"
    ):
        find(r"C:\x\qq.mp4")
