"""The demo film: what its events say is what is seen, and every class is seen."""

import av
import numpy as np
import pytest

from slowfast.data_tools import demo_film
from slowfast.data_tools.demo_data import CLASSES, make_settings, plan_film
from slowfast.data_tools.demo_scenes import pose
from slowfast.ethograms.agreement.side import read_side

SMALL = plan_film(make_settings(size="small"))


@pytest.mark.parametrize(("seed", "size"), [(0, "standard"), (1, "standard"), (2, "small")])
def test_every_class_is_seen_and_mostly_several_at_once(seed, size):
    film = plan_film(make_settings(seed, size=size))
    shown = np.zeros((film.num_frames, len(CLASSES)), bool)
    for _, name, first, stop in film.events():
        assert 0 <= first < stop <= film.num_frames
        shown[first:stop, CLASSES.index(name)] = True
    assert film.num_frames == {"standard": 1440, "small": 360}[size]
    assert shown.any(axis=0).all()
    assert shown.mean(axis=0).max() < 0.5
    assert (shown.sum(axis=1) >= 3).mean() > 0.5
    assert not shown.any(axis=1).all()  # there is time without any class


def test_a_motion_begins_where_the_one_before_it_ends():
    pairs = 0
    for visit in SMALL.visits:
        for before, after in zip(visit.acts, visit.acts[1:], strict=False):
            end = pose(before.actor, before.stop - before.first - 1, before.stop - before.first)
            start = pose(after.actor, 0, after.stop - after.first)
            np.testing.assert_allclose(start[:4], end[:4], atol=1e-9)  # but for the opacity
            assert before.stop == after.first
            assert before.actor.motion != after.actor.motion
            pairs += 1
    assert pairs > 5


def test_actors_are_seen_when_the_events_say_so():
    frames = np.array(list(demo_film.render_film(SMALL)), dtype=np.int16)
    busy = np.zeros(SMALL.num_frames, bool)
    for _, _, first, stop in SMALL.events():
        busy[first:stop] = True
    assert not busy.all()
    ground = np.median(frames[~busy], axis=0)
    changed = (abs(frames - ground).max(axis=3) > 40).sum(axis=(1, 2))
    assert changed[~busy].max() == 0
    for _, name, first, stop in SMALL.events():  # a blinking actor is invisible now and then
        assert changed[first:stop].max() > 20, name


def test_the_events_are_read_as_those_of_a_person(tmp_path):
    demo_film.write_film(tmp_path, SMALL)
    with av.open(str(tmp_path / demo_film.FILM)) as container:
        assert sum(1 for _ in container.decode(video=0)) == SMALL.num_frames
        assert container.streams.video[0].average_rate == demo_film.FPS
    side = read_side(tmp_path / demo_film.EVENTS)
    assert side.videos == ["film.mp4"]
    assert not side.notes
    found = [
        (event.subject, event.label, round(event.start * 12), round(event.stop * 12))
        for event in side.events["film.mp4"]
    ]
    assert sorted(found) == sorted(SMALL.events())
