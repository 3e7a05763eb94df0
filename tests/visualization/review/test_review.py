"""The server of a review: who may read and write, ranges of videos, and corrections as files."""

import threading

import pytest

from slowfast.ak.errors import UserError
from slowfast.data_tools.events import read_events
from slowfast.visualization.ethogram import write_ethogram
from slowfast.visualization.page.render import data_of
from slowfast.visualization.review.pages import ServedPages, bouts_of, scores_of
from slowfast.visualization.review.server import ReviewApp, make_review_server
from tests.visualization.ethogram.videos import NASTY, make_bouts, make_scores, write_video

werkzeug = pytest.importorskip("werkzeug.test")
TOKEN = "secret"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pages of a film that plays, and of one that is missing."""
    folder = tmp_path_factory.mktemp("review")
    videos = [write_video(folder / "fi lm.webm"), folder / "gone.mp4"]
    bouts = [bout for video in videos for bout in make_bouts(video)]
    write_ethogram(
        folder / "out",
        map(make_scores, videos),
        bouts,
        thresholds={"walking": 0.5},
        picture="",
    )
    return folder / "out"


@pytest.fixture
def pages(folder, tmp_path):
    return ServedPages(folder, tmp_path / "corrections")


@pytest.fixture
def client(pages):
    """A browser that has opened the printed address."""
    client = werkzeug.Client(ReviewApp(pages, TOKEN))
    answer = client.get("/?token=secret", base_url="http://127.0.0.1:1234")
    assert answer.location == "/index.html"
    return client


def ask(client, path, method="GET", **more):
    return client.open(path, method=method, base_url="http://127.0.0.1:1234", **more)


def digest_of(folder):
    return data_of((folder / "fi lm.html").read_text(encoding="utf-8"))["digest"]


def test_only_the_printed_address_opens_the_server(pages, client):
    assert ask(client, "/index.html").status_code == 200
    stranger = werkzeug.Client(ReviewApp(pages, TOKEN))
    for path in ("/", "/index.html", "/?token=wrong", "/?token=ä", "/media/0"):
        assert ask(stranger, path).status_code == 403, path
    assert ask(stranger, "/corrections/fi lm.html", "PUT", json={}).status_code == 403
    # A page of another host that leads its name to this computer is refused too.
    assert client.get("/index.html", base_url="http://evil.example").status_code == 403
    assert client.get("/?token=secret", base_url="http://evil.example").status_code == 403


def test_reviews_side_by_side_have_cookies_of_their_own(pages):
    answer = werkzeug.Client(ReviewApp(pages, "other")).get(
        "/?token=other", base_url="http://127.0.0.1:1235"
    )
    assert "review_1235=other" in answer.headers["Set-Cookie"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_nothing_but_pages_and_their_videos_is_served(client):
    for path in ("/run.json", "/../out/index.html", "/media/1", "/media/7", "/media/x", "/style"):
        assert ask(client, path).status_code == 404, path
    assert ask(client, "/index.html", "POST").status_code == 404


def test_a_video_is_served_in_ranges(client, folder):
    whole = (folder.parent / "fi lm.webm").read_bytes()
    answer = ask(client, "/media/0", headers={"Range": "bytes=100-199"})
    assert answer.status_code == 206
    assert answer.data == whole[100:200]
    assert answer.headers["Content-Range"] == f"bytes 100-199/{len(whole)}"
    assert data_of(ask(client, "/fi%20lm.html").text)["media"] == "/media/0"
    assert data_of(ask(client, "/gone.html").text)["media"] is None


def test_corrections_are_files_and_come_back(client, folder, pages):
    body = {
        "digest": digest_of(folder),
        "steps": [{"id": 1, "after": None}],
        "csv": "video\r\nä\r\n",
    }
    assert ask(client, "/corrections/fi%20lm.html", "PUT", json=body).status_code == 204
    table = pages.corrections / "fi lm.csv"
    assert table.read_text(encoding="utf-8") == "video\nä\n"
    assert data_of(ask(client, "/fi%20lm.html").text)["review"]["steps"] == body["steps"]
    assert data_of(ask(client, "/index.html").text)["videos"][0]["corrections"] == 1
    # Steps from other bouts are not lost, and are no steps of these.
    other = body | {"digest": "another", "csv": "video\r\n"}
    assert ask(client, "/corrections/fi%20lm.html", "PUT", json=other).status_code == 204
    assert (pages.corrections / "fi lm.csv.1").read_text(encoding="utf-8") == "video\nä\n"
    assert data_of(ask(client, "/fi%20lm.html").text)["review"]["steps"] == []


def test_the_folder_of_corrections_is_a_table_of_events(client, folder, pages):
    csv = "video,subject,class,start_s,stop_s,review\r\nfi lm.webm,,walking,2,4,accepted\r\n"
    for digest in (digest_of(folder), "another"):
        body = {"digest": digest, "steps": [{"id": 1, "after": None}], "csv": csv}
        assert ask(client, "/corrections/fi%20lm.html", "PUT", json=body).status_code == 204
    table = read_events(pages.corrections)
    assert [(event.label, event.start, event.stop) for event in table.events] == [("walking", 2, 4)]


def test_wrong_corrections_are_refused(client, pages):
    steps = (b'{"id": "checked", "after": 3}', b'{"id": 1, "after": {}}', b"7")
    whole = [b'{"digest": "x", "csv": "", "steps": [%s]}' % step for step in steps]
    for body in (b"{", b"[]", b'{"digest": "x"}', *whole):
        assert ask(client, "/corrections/fi%20lm.html", "PUT", data=body).status_code == 400
    assert ask(client, "/corrections/other.html", "PUT", json={}).status_code == 404
    assert not pages.corrections.exists()


def test_two_windows_do_not_overwrite_each_other(client, folder, pages):
    body = {"digest": digest_of(folder), "steps": [], "csv": "first\r\n", "revision": 0}
    assert ask(client, "/corrections/fi%20lm.html", "PUT", json=body).status_code == 204
    assert data_of(ask(client, "/fi%20lm.html").text)["review"]["revision"] == 1
    late = ask(client, "/corrections/fi%20lm.html", "PUT", json=body | {"csv": "second\r\n"})
    assert late.status_code == 409
    assert "another window" in late.text
    assert (pages.corrections / "fi lm.csv").read_text() == "first\n"


def test_a_stop_between_the_two_files_loses_nothing(client, folder, pages):
    body = {"digest": digest_of(folder), "steps": [], "csv": "new\r\n"}
    ask(client, "/corrections/fi%20lm.html", "PUT", json=body)
    table = pages.corrections / "fi lm.csv"
    table.write_text("old\n")
    ServedPages(folder, pages.corrections)
    assert table.read_text() == "new\n"


def test_what_was_reviewed_is_not_listed_again(client, folder):
    listed = data_of(ask(client, "/index.html").text)["places"]
    own = [(one["class"], one["start"]) for one in listed if one["video"] == "fi lm.webm"]
    assert own == [("walking", 6.0), (NASTY, 0.0), ("walking", 2.0)]
    steps = [
        {"id": 2, "before": None, "after": {"review": "rejected"}},  # the bout at 6 s
        {"id": "checked", "before": [], "after": [[0, 1]]},
    ]
    body = {"digest": digest_of(folder), "steps": steps, "csv": ""}
    assert ask(client, "/corrections/fi%20lm.html", "PUT", json=body).status_code == 204
    data = data_of(ask(client, "/index.html").text)
    left = [one["start"] for one in data["places"] if one["video"] == "fi lm.webm"]
    assert left == [2.0]
    assert [video["checked"] for video in data["videos"]] == [1, 0]
    # The page itself knows its own places, to go on from there.
    shown = data_of(ask(client, "/fi%20lm.html").text)["review"]["places"]
    assert sorted(one["start"] for one in shown if one["own"]) == [0, 2, 6]


def test_the_overview_lists_what_to_review_first(client):
    data = data_of(ask(client, "/index.html").text)
    first = data["places"][0]
    # The bout of 0.5 at the threshold 0.5, in both videos.
    assert (first["class"], first["start"], first["missed"]) == ("walking", 6.0, False)
    assert {place["video"] for place in data["places"]} == {"fi lm.webm", "gone.mp4"}
    assert data["videos"][0]["to_review"] > 0


def test_a_record_gives_its_scores_and_bouts_back(folder):
    record = data_of((folder / "fi lm.html").read_text(encoding="utf-8"))
    video = folder.parent / "fi lm.webm"
    scores, expected = scores_of(record), make_scores(video)
    assert scores.classes == expected.classes
    assert scores.frames.tolist() == expected.frames.tolist()
    for own, other in zip(scores.scores.T, expected.scores.T, strict=True):
        assert own.tolist() == pytest.approx(other.tolist(), abs=0.002, nan_ok=True)
    assert sorted(map(repr, bouts_of(record))) == sorted(map(repr, make_bouts(video)))


def test_a_folder_without_pages_and_a_taken_port_are_errors(folder, tmp_path, capsys):
    from review import main

    assert main([str(tmp_path), "--no-browser"]) == 2
    assert "is not a page of predictions" in capsys.readouterr().err
    page = folder / "index.html"
    assert main([str(folder), "--no-browser", "--corrections", str(page)]) == 2
    assert f"{page}: is a file; expected the name of a folder" in capsys.readouterr().err
    server, _ = make_review_server(folder)
    try:
        with pytest.raises(UserError, match="--port"):
            make_review_server(folder, server.server_port)
        with pytest.raises(UserError, match="0 to 65535"):
            make_review_server(folder, 99999)
    finally:
        server.server_close()


def test_a_browser_reviews_and_the_files_follow(browser, folder, tmp_path):
    server, address = make_review_server(folder, corrections=tmp_path)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        page = browser.new_context().new_page()
        troubles = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text))
        page.goto(address)
        page.locator("#places tbody tr a", has_text="fi lm").first.click()
        page.wait_for_url("**/fi%20lm.html#at=6.001&class=walking")
        page.locator(".panel-head", has_text="walking 0:06.00").wait_for()
        page.wait_for_timeout(500)
        assert page.evaluate("document.querySelector('video').currentTime") == pytest.approx(
            6, abs=0.1
        )
        with page.expect_response("**/corrections/*"):
            page.keyboard.press("a")
        page.get_by_text("1 correction, kept in").wait_for()
        text = (tmp_path / "fi lm.csv").read_text(encoding="utf-8")
        assert "walking,6,7,60,69,0.5,0.6,accepted" in text
        page.reload()
        page.get_by_text("1 correction, kept in").wait_for()
        # What the time line shows is checked, and the next place is on the page of the other video.
        shown = page.evaluate("drawVideo.parts.timeline.view")
        with page.expect_response("**/corrections/*"):
            page.keyboard.press("c")
        page.get_by_text("2 corrections, kept in").wait_for()
        table = read_events(tmp_path / "fi lm.csv")
        (checked,) = (event for event in table.events if not event.label)
        assert (checked.start, checked.stop) == pytest.approx(
            (shown["from"], shown["to"]), abs=1e-3
        )
        page.keyboard.press("j")
        page.wait_for_url("**/gone.html#at=*")
        page.go_back()
        page.get_by_text("2 corrections, kept in").wait_for()
        server.shutdown()
        thread.join()
        server.server_close()
        page.keyboard.press("r")
        page.get_by_text("cannot be kept").wait_for()
        assert all("ERR_CONNECTION" in text for text in troubles), troubles
        assert "6,7,60,69,0.5,0.6,accepted" in (tmp_path / "fi lm.csv").read_text(encoding="utf-8")
        # What could not be kept is kept when the page is opened again.
        server, address = make_review_server(folder, server.server_port, tmp_path)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        page.goto(address)
        with page.expect_response("**/corrections/*"):
            page.get_by_role("link", name="fi lm.webm", exact=True).click()
        page.get_by_text("3 corrections, kept in").wait_for()
        assert "6,7,60,69" not in (tmp_path / "fi lm.csv").read_text(encoding="utf-8")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
