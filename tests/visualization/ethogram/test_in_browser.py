"""The pages of an ethogram in a browser: play head, zoom, corrections, figures, speed."""

import time

import numpy as np
import pytest

from slowfast.data_tools.events import ReadOptions, read_events
from slowfast.data_tools.segments.corrections import known_events
from slowfast.ethograms.scores import VideoScores
from slowfast.visualization.ethogram import write_ethogram

from .videos import (
    NASTY,
    bout,
    make_agreement,
    make_bouts,
    make_events,
    make_scores,
    write_video,
)

PARTS = "drawVideo.parts"
NONE = "\N{EN DASH}"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The folder with the pages of a video that plays and of one that is missing."""
    folder = tmp_path_factory.mktemp("ethogram")
    videos = [write_video(folder / "film.webm"), folder / "gone.mp4"]
    write_ethogram(
        folder / "out",
        map(make_scores, videos),
        [each for video in videos for each in make_bouts(video)],
        events=[each for video in videos for each in make_events(video)],
        thresholds={"walking": 0.5},
        agreement=make_agreement(videos),
        picture="",
    )
    return folder / "out"


@pytest.fixture
def film(open_page, pages):
    """Opens the page of the video, without corrections, once its video can be sought."""

    def open_film(name="film.html", **more):
        page = open_page(pages / name, **more)
        page.evaluate("localStorage.clear()")
        page.reload()
        until(page, f"{PARTS} && {PARTS}.timeline.timings.length > 0")
        if name == "film.html":
            until(page, f"{PARTS}.player.isReady")
        return page

    return open_film


def until(page, condition):
    """Waits for a condition in the page; its policy forbids playwright's own way to wait."""
    end = time.monotonic() + 10
    while not page.evaluate(f"Boolean({condition})"):
        assert time.monotonic() < end, f"not within 10 s: {condition}"
        page.wait_for_timeout(20)


def state(page, expression):
    return page.evaluate(
        f"(({{ethogram, edits, player, timeline, state}}) => {expression})({PARTS})"
    )


def place_of(page, number):
    """The place of a bout in the window: its left, right and middle, and its height."""
    page.locator(".timeline canvas").scroll_into_view_if_needed()
    frame = page.locator(".timeline canvas").bounding_box()
    place = state(page, f"timeline.placeOfBout(edits.get({number}))")
    x = {name: frame["x"] + place[name] for name in ("left", "right", "x")}
    return x | {"y": frame["y"] + place["y"]}


def bouts(page):
    """The bouts that stand: class, start, stop and review."""
    return state(
        page,
        "edits.standing.map((b) => [ethogram.classes[b.label], +b.start.toFixed(2),"
        " +b.stop.toFixed(2), b.review])",
    )


def settle(page):
    """Waits until the lists, which follow a change by a moment, are drawn."""
    page.wait_for_timeout(350)


# -------------------------------------------------------------------------- video and time line


def test_the_time_line_drives_the_video_and_the_video_drives_the_time_line(film):
    page = film()
    place = place_of(page, 1)
    page.mouse.click(place["x"], place["y"])
    until(page, "Math.abs(document.querySelector('video').currentTime - 3) < 0.1")
    assert state(page, "state.selected") == 1
    slider = page.locator(".timeline canvas")
    until(page, "document.querySelector('.timeline canvas').ariaValueText?.includes('walking')")
    page.evaluate("document.querySelector('video').currentTime = 6.5")
    until(page, f"Math.abs({PARTS}.player.time - 6.5) < 0.01")
    until(page, "document.querySelector('.timeline canvas').ariaValueNow === '6.50'")
    assert "walking" in slider.get_attribute("aria-valuetext")
    # Dragging seeks all the time.
    page.mouse.move(place["x"], place["y"])
    page.mouse.down()
    page.mouse.move(place["left"], place["y"] + 1, steps=3)
    page.mouse.up()
    assert state(page, "player.time") == pytest.approx(2, abs=0.05)


def test_now_shows_what_the_prediction_and_the_person_see(film):
    page = film()
    state(page, "player.seek(3)")
    rows = page.locator(".now-row").all_inner_texts()
    assert all(word in rows[0] for word in ("walking", "person", "0.90"))
    state(page, "player.seek(5.5)")
    rows = page.locator(".now-row").all_inner_texts()
    # It is seen, but it is no class of the model.
    assert all(word in rows[0] for word in ("climbing", "person", NONE))


def test_keys_play_seek_zoom_and_walk_through_bouts(film):
    page = film()
    for key, seconds in (("ArrowRight", 1), ("Shift+ArrowRight", 8), ("Home", 0), (".", 0.1)):
        page.keyboard.press(key)
        assert state(page, "player.time") == pytest.approx(seconds), key
    page.keyboard.press("ArrowDown")
    page.keyboard.press("n")
    assert state(page, "[state.selected, player.time]") == [1, 2]
    page.keyboard.press("n")
    assert state(page, "[state.selected, player.time]") == [2, 6]
    page.keyboard.press("p")
    assert state(page, "state.selected") == 1
    page.keyboard.press("+")
    assert state(page, "timeline.span()") == pytest.approx(4)
    assert state(page, "timeline.view.from <= 2 && timeline.view.to >= 2")
    page.keyboard.press("0")
    assert state(page, "timeline.span()") == pytest.approx(8)
    page.keyboard.press("Enter")  # plays the bout and stops at its end
    until(page, f"{PARTS}.player.isPlaying")
    page.keyboard.press(" ")
    until(page, f"!{PARTS}.player.isPlaying")


def test_the_wheel_zooms_on_the_axis_and_keeps_the_moment_below_it(film):
    page = film()
    place = place_of(page, 1)
    top = page.locator(".timeline canvas").bounding_box()["y"]
    page.mouse.move(place["x"], top + 30)
    page.mouse.wheel(0, -200)
    until(page, f"{PARTS}.timeline.span() < 7")
    assert place_of(page, 1)["x"] == pytest.approx(place["x"], abs=1.5)


def test_classes_are_searched_and_filtered_and_have_scores_on_demand(film):
    page = film()
    assert state(page, "state.rows.map((l) => ethogram.classes[l])") == [
        "walking",
        NASTY,
        "climbing",
    ]
    page.get_by_label("Classes shown").select_option("all")
    assert len(state(page, "state.rows")) == 5
    page.get_by_placeholder("Search classes").first.fill("SIT")
    assert state(page, "state.rows.map((l) => ethogram.classes[l])") == ["sitting"]
    height = page.locator(".timeline").bounding_box()["height"]
    page.get_by_role("button", name="Show the scores of all classes").click()
    assert page.locator(".timeline").bounding_box()["height"] > height
    page.get_by_placeholder("Search classes").first.fill("nothing like it")
    assert page.get_by_text("No class matches.").is_visible()


def test_bars_have_their_colours_and_places(film):
    page = film()
    place = place_of(page, 1)
    frame = page.locator(".timeline canvas").bounding_box()
    begin = place["left"] + 0.25 * (place["right"] - place["left"])  # the person saw it later
    points = [(place["right"] + 8, 0), (place["x"], 0), (begin - 6, 11), (begin + 6, 11)]
    ground, bar, before, after = page.evaluate(
        """(points) => {
          const shown = document.querySelector(".timeline canvas");
          const copy = new OffscreenCanvas(shown.width, shown.height);
          const context = copy.getContext("2d", { willReadFrequently: true });
          context.drawImage(shown, 0, 0);
          return points.map(([x, y]) => [...context.getImageData(x, y, 1, 1).data].slice(0, 3));
        }""",
        [[round(x - frame["x"]), round(place["y"] - frame["y"]) - lift] for x, lift in points],
    )
    assert max(map(abs, np.subtract(bar, ground))) > 60
    assert before == ground
    assert sum(after) < 150


def test_a_video_that_does_not_play_leaves_the_time_line_working(film):
    page = film("gone.html")
    assert page.get_by_text("Open a video file").is_visible()
    place = place_of(page, 1)
    page.mouse.click(place["x"], place["y"])
    assert state(page, "player.time") == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_everything_within_its_width(film, theme):
    page = film(width=390, theme=theme)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    place = place_of(page, 1)
    page.mouse.click(place["x"], place["y"])
    assert state(page, "state.selected") == 1


# ---------------------------------------------------------------------------------- corrections


def test_bouts_are_accepted_rejected_and_removed_and_undone(film):
    page = film()
    place = place_of(page, 1)
    page.mouse.click(place["x"], place["y"])
    page.keyboard.press("a")
    place = place_of(page, 2)
    page.mouse.click(place["x"], place["y"])
    page.keyboard.press("r")
    assert bouts(page) == [[NASTY, 0, 0.5, ""], ["walking", 2, 4, "accepted"]]
    settle(page)
    assert page.locator("#budget tbody tr", has_text="walking").inner_text().split("\t")[3] == "2 s"
    place = place_of(page, 0)
    page.mouse.click(place["x"], place["y"])
    page.keyboard.press("Delete")
    assert bouts(page) == [["walking", 2, 4, "accepted"]]
    for _ in range(2):
        page.keyboard.press("Control+z")
    assert bouts(page) == [
        [NASTY, 0, 0.5, ""],
        ["walking", 2, 4, "accepted"],
        ["walking", 6, 7, ""],
    ]
    page.keyboard.press("Control+y")
    assert len(bouts(page)) == 2


def test_ends_are_moved_by_mouse_and_keys_and_bouts_added(film):
    page = film()
    place = place_of(page, 1)
    page.mouse.click(place["x"], place["y"])
    wide = place["right"] - place["left"]
    page.mouse.move(place["right"], place["y"])
    page.mouse.down()
    page.mouse.move(place["right"] + wide / 4, place["y"], steps=4)
    page.mouse.up()
    assert bouts(page)[1][:1] + bouts(page)[1][3:] == ["walking", "moved"]
    assert bouts(page)[1][1:3] == pytest.approx([2, 4.5], abs=0.02)
    # Its scores and frames follow: 2 s of 0.9 and 0.5 s of 0.1.
    assert state(page, "edits.get(1).mean") == pytest.approx(0.74, abs=0.01)
    assert state(page, "edits.get(1).last") == 44
    state(page, "player.seek(1.5)")
    page.keyboard.press("[")
    assert bouts(page)[1][1:3] == pytest.approx([1.5, 4.5], abs=0.02)
    page.keyboard.press("Escape")
    state(page, "player.seek(5)")
    page.keyboard.press("b")
    page.get_by_label("Class of the bout").select_option("flying")
    assert bouts(page)[2] == ["flying", 5, 5.8, "added"]
    assert "flying" in state(page, "state.rows.map((l) => ethogram.classes[l])")


def test_corrections_outlive_the_page_and_are_downloaded(film, tmp_path):
    page = film()
    state(page, "edits.review(1, 'accepted')")
    state(page, "edits.review(2, 'rejected')")
    state(page, "edits.add(3, 5, 5.8)")
    page.reload()
    until(page, f"{PARTS} && {PARTS}.timeline.timings.length > 0")
    expected = [
        [NASTY, 0, 0.5, ""],
        ["walking", 2, 4, "accepted"],
        ["flying", 5, 5.8, "added"],
    ]
    assert bouts(page) == expected
    with page.expect_download() as started:
        page.get_by_role("button", name="Download the bouts that stand").click()
    assert started.value.suggested_filename == "film_bouts.csv"
    path = tmp_path / "film_bouts.csv"
    started.value.save_as(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("video,subject,class,start_s,stop_s,first_frame,last_frame,")
    assert lines[2].endswith("film.webm,,walking,2,4,20,39,0.8,0.9,accepted")
    table = read_events(path, ReadOptions(label_separator="none"))
    assert not table.mistakes
    rows = [[event.start, event.stop] for event in table.events if event.label == "walking"]
    assert rows == [[2, 4]]


def test_corrections_of_an_earlier_prediction_are_not_lost(film, pages, open_page, tmp_path):
    page = film()
    state(page, "edits.review(1, 'accepted')")
    video = pages.parent / "film.webm"
    write_ethogram(tmp_path, [make_scores(video)], make_bouts(video)[:1], picture="")
    page = open_page(tmp_path / "film.html")
    with page.expect_download() as started:
        page.get_by_role("button", name="Download the earlier corrections").click()
    started.value.save_as(tmp_path / "earlier.csv")
    assert "walking,2,4,20,39,0.8,0.9,accepted" in (tmp_path / "earlier.csv").read_text()
    assert state(page, "edits.count") == 0
    page.get_by_role("button", name="Remove the earlier corrections").click()
    assert not page.get_by_text("corrections of an earlier prediction").is_visible()


# --------------------------------------------------------------------------------- lists, overview


def test_the_lists_lead_to_the_bouts(film):
    page = film()
    page.get_by_label("Order of the bouts").select_option("unsure")
    first = page.locator(".card").first
    assert "0:06.0" in first.inner_text()
    first.click()
    until(page, f"Math.abs({PARTS}.player.time - 6) < 0.01")
    assert state(page, "state.selected") == 2
    row = page.locator("#budget tbody tr", has_text="walking").inner_text().split("\t")
    assert row[2:] == ["18.8 %", "3 s", "2", "1.5 s", "2 s"]


def test_agreement_has_dashes_where_there_is_no_figure(film, pages, open_page):
    page = film()
    text = page.locator("#agreement").inner_text()
    assert "One video alone has no interval." in text
    row = page.locator("#agreement tbody tr", has_text="climbing").first.inner_text().split("\t")
    assert row[1:] == ["10", "1", "12.5", "0.0", NONE, "0.0", "0.0", "0.0", "0.0", "0.0", NONE]
    page = open_page(pages / "index.html")
    assert "with so few videos" in page.locator("#agreement").inner_text()
    assert page.locator("#videos tbody tr").count() == 2
    page.get_by_role("link", name="film.webm").click()
    until(page, f"{PARTS}.timeline.timings.length > 0")
    assert page.locator("h1").inner_text() == "film.webm"
    page.get_by_role("link", name="All videos").click()
    assert page.locator("h1").inner_text() == "Predictions"


def test_two_hours_of_many_classes_are_drawn_quickly(open_page, tmp_path):
    names = tuple(f"behaviour {number}" for number in range(140))
    frames = np.arange(0, 216_001, 12)
    generator = np.random.default_rng(0)
    scores = generator.random((len(frames) - 1, 140)).astype(np.float32)
    video = VideoScores("long.mp4", names, frames / 30, frames, scores)
    found = [
        bout("long.mp4", name, float(start), float(start) + 4)
        for name in names
        for start in generator.integers(0, 7190, 100)
    ]
    write_ethogram(tmp_path, [video], found, picture="")
    page = open_page(tmp_path / "long.html")
    until(page, f"{PARTS} && {PARTS}.timeline.timings.length > 0")
    page.get_by_role("button", name="Show the scores of all classes").click()
    timings = page.evaluate(
        f"""async () => {{
          const {{ timeline, player }} = {PARTS};
          const wait = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
          const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
          const result = [];
          for (const move of [
            (k) => player.seek(k * 60),
            (k) => (timeline.node.scrollTop = 40 * k),
            (k) => timeline.zoom(k < 10 ? 0.8 : 1.25),
          ]) {{
            timeline.timings.length = 0;
            for (let k = 0; k < 20; k++) {{
              move(k);
              await wait();
            }}
            result.push(median([...timeline.timings]));
          }}
          return result;
        }}"""
    )
    # A frame of a screen lasts 17 ms; drawing takes less on an idle machine.
    assert timings[0] < 10, timings
    assert max(timings) < 80, timings


def test_checked_times_join_can_be_taken_back_and_are_rows_of_the_table(film, tmp_path):
    page = film()

    def check(start, stop):
        state(page, f"timeline.show({start}, {stop})")
        page.keyboard.press("c")
        return state(page, "edits.checked")

    assert check(1, 3) == [[1, 3]]
    assert check(2, 5) == [[1, 5]]
    assert check(6, 7) == [[1, 5], [6, 7]]
    assert check(2, 3) == [[1, 2], [3, 5], [6, 7]]  # a time that is checked is so no more
    page.keyboard.press("Control+z")
    assert state(page, "edits.checked") == [[1, 5], [6, 7]]
    page.reload()
    until(page, f"{PARTS} && {PARTS}.timeline.timings.length > 0")
    assert state(page, "edits.checked") == [[1, 5], [6, 7]]
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the bouts").click()
    path = tmp_path / "corrected.csv"
    download.value.save_as(path)
    table = read_events(path)
    assert [(e.start, e.stop) for e in table.events if not e.label] == [(1, 5), (6, 7)]
    assert not table.mistakes


def test_the_time_of_a_rejected_bout_becomes_time_without_it(film, tmp_path):
    """Training learns from the rejection once the person says that the time shows nothing else."""
    page = film()
    place = place_of(page, 2)
    page.mouse.click(place["x"], place["y"])
    page.keyboard.press("r")
    page.keyboard.press("Shift+C")
    assert state(page, "edits.checked") == [[6, 7]]
    settle(page)  # the panel is drawn anew
    button = page.get_by_role("button", name="All bouts in the time of this bout")
    assert button.get_attribute("aria-pressed") == "true"
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the bouts").click()
    path = tmp_path / "corrected.csv"
    download.value.save_as(path)
    known, _ = known_events(read_events(path).events)
    assert [(event.label, event.start, event.stop) for event in known] == [("", 6, 7)]
    button.click()
    assert state(page, "edits.checked") == []
