"""Demo scenes: the classes look different, and some differ in the order of the frames only."""

from dataclasses import replace

import numpy as np
import pytest

from slowfast.data_tools.demo_scenes import (
    MOTIONS,
    NUM_GROUNDS,
    PEBBLE,
    REVERSED,
    SHAPES,
    Actor,
    Scene,
    contrasting_coats,
    pose,
    render,
    signed_distance,
)

ACTOR = Actor("Square", "Standing still", 40, 30, 9, 20, tempo=1, phase=0.3, tilt=0.1, coat=1)


def scene(*actors: Actor) -> Scene:
    return Scene(width=80, height=60, num_frames=12, ground=3, seed=5, actors=actors)


@pytest.mark.parametrize(("motion", "other"), REVERSED.items())
def test_opposite_motions_are_each_other_played_backwards(motion, other):
    """Every frame of one motion occurs in the other, so no single frame distinguishes them."""
    there = [pose(replace(ACTOR, motion=motion), frame, 17) for frame in range(17)]
    back = [pose(replace(ACTOR, motion=other), frame, 17) for frame in range(17)]
    np.testing.assert_allclose(there, back[::-1], atol=1e-9)
    assert there[0] != there[-1]


def test_motions_have_the_direction_of_their_names():
    def end(motion):
        return pose(replace(ACTOR, motion=motion), 16, 17)

    assert end("Moving left").x < ACTOR.x < end("Moving right").x
    assert end("Moving up").y < ACTOR.y < end("Moving down").y
    assert end("Shrinking").radius < ACTOR.radius < end("Growing").radius


def test_every_motion_but_standing_still_moves_the_actor():
    still = render(scene(ACTOR)).astype(int)
    for motion in MOTIONS:
        # Both have the same ground and the same grain, so only the actor differs.
        frames = render(scene(replace(ACTOR, motion=motion))).astype(int)
        changed = (abs(frames - still).max(axis=(0, 3)) > 40).sum()
        assert changed == 0 if motion == "Standing still" else changed > 50, motion


def test_all_shapes_have_about_the_same_area():
    y, x = np.mgrid[-2:2:400j, -2:2:400j]
    areas = [(signed_distance(shape, x, y) < 0).mean() * 16 for shape in (*SHAPES, PEBBLE)]
    assert min(areas) > 0.75 * max(areas)


def test_every_ground_has_visible_colours_for_two_actors():
    assert all(len(contrasting_coats(ground)) >= 2 for ground in range(NUM_GROUNDS))


def test_the_seed_determines_the_frames():
    first, again = render(scene(ACTOR)), render(scene(ACTOR))
    assert first.shape == (12, 60, 80, 3)
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != render(replace(scene(ACTOR), seed=6))).any()


def test_an_actor_outside_the_frame_is_not_drawn():
    assert (render(scene(replace(ACTOR, x=-200))) == render(scene())).all()
