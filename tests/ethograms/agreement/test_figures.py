"""Figures of agreement: values counted by hand, scikit-learn's, and a plain count of all frames."""

import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, cohen_kappa_score, f1_score

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.bootstrap import resample_weights
from slowfast.ethograms.agreement import figures
from slowfast.ethograms.agreement.counts import IOUS, count
from slowfast.ethograms.agreement.figures import FIGURES
from slowfast.ethograms.agreement.grid import Grid, runs
from slowfast.ethograms.agreement.intervals import Agreement, compare
from slowfast.ethograms.scores import Bout, VideoScores

CLASSES = ("run", "sit", "eat")


def bout(label, start, stop, video="a"):
    return Bout(video, label, start, stop, 0, 0)


def grid(seconds=10.0, rate=10.0):
    return Grid.of_rate(seconds, rate)


def agreement(true, predicted, classes=CLASSES, **more):
    return Agreement(classes, (count("a", classes, grid(), true, predicted, **more),))


def random_video(seed, video="a", cells=40, per_cell=3):
    """Scores of 120 frames, bouts of a person, and the bouts above 0.5."""
    generator = np.random.default_rng(seed)
    scores = generator.random((cells, 3)).round(1).astype(np.float32)
    frames = np.arange(cells + 1) * per_cell
    values = VideoScores(video, CLASSES, frames / 10, frames, scores)
    truth = np.repeat(generator.random((cells, 3)) < 0.2 + 0.4 * scores, per_cell, axis=0)
    truth[:5] = False

    def bouts(shown):
        return [
            bout(name, a / 10, b / 10, video)
            for name, column in zip(CLASSES, shown.T, strict=True)
            for a, b in runs(column)
        ]

    return values, bouts(truth), bouts(np.repeat(scores >= 0.5, per_cell, axis=0)), truth


# ------------------------------------------------------------------------------------------ frames


def test_a_frame_belongs_to_the_time_that_holds_its_middle():
    at_30 = Grid.of_rate(2, 30)
    # Frames 1 and 2 end at 0.0667 and 0.1; three decimals round the first end up.
    assert at_30.span(0.033, 0.067) == (1, 2)
    assert at_30.span(0.0333333, 0.1) == (1, 3)
    # A moment, and a time at the end of the video, have one frame; times outside have none.
    assert at_30.span(0.5, 0.5) == (15, 16)
    assert at_30.span(2, 2) == (59, 60)
    assert at_30.span(2.0, 2.5) == at_30.span(-1, -0.5) == (0, 0)
    assert at_30.span(-1, 5) == (0, 60)


def test_frames_of_a_variable_rate_have_their_own_times():
    assert Grid(np.array([0, 0.5, 1, 2, 3])).span(0.9, 2.2) == (2, 3)


def test_bouts_of_two_animals_are_one():
    found = agreement([bout("run", 1, 3), bout("run", 2, 5), bout("run", 5, 6)], [])
    assert found.videos[0].bouts.tolist() == [1, 0, 0]
    assert found.videos[0].true.tolist() == [50, 0, 0]


# ------------------------------------------------------------------------------------------ figures


def test_figures_by_hand():
    # run: 40 true frames, 30 predicted, 20 in both; sit: seen, not predicted; eat: the reverse.
    found = agreement(
        [bout("run", 1, 5), bout("sit", 0, 1)], [bout("run", 3, 6), bout("eat", 9, 10)]
    )
    assert found.by_class["precision"].tolist() == pytest.approx([2 / 3, np.nan, 0], nan_ok=True)
    assert found.by_class["recall"].tolist() == pytest.approx([0.5, 0, np.nan], nan_ok=True)
    assert found.by_class["f1"].tolist() == pytest.approx([4 / 7, 0, np.nan], nan_ok=True)
    # run: agreed on 70 of 100 frames, by chance 0.4 * 0.3 + 0.6 * 0.7 = 0.54.
    assert found.by_class["kappa"].tolist() == pytest.approx([0.16 / 0.46, 0, 0])
    assert found.mean["f1"] == pytest.approx(2 / 7)
    assert found.mean["precision"] == pytest.approx(2 / 3)  # sit is never predicted: absent
    assert found.pooled["f1"] == pytest.approx(40 / (50 + 40))
    # The bouts of run overlap by 2 s of 5 s.
    assert found.by_class["segment_f1_10"].tolist() == pytest.approx([1, 0, np.nan], nan_ok=True)
    assert found.by_class["segment_f1_25"][0] == 1
    assert found.by_class["segment_f1_50"][0] == 0
    assert found.by_class["onset"].tolist() == pytest.approx([2, np.nan, np.nan], nan_ok=True)
    assert found.by_class["offset_late"][0] == pytest.approx(1)
    assert np.isnan(found.by_class["ap"]).all()  # bouts have no scores
    assert np.isnan(found.chance)
    assert found.mean_intervals == {}  # of one video


def test_matching_by_hand():
    true = [bout("run", 0, 4), bout("run", 5, 6)]
    # The first piece takes the long bout, so the second is false; the last bout has an early start.
    predicted = [bout("run", 0, 2), bout("run", 2.5, 3.9), bout("run", 4.8, 6)]
    found = agreement(true, predicted)
    assert found.videos[0].hits[:, 0].tolist() == [2, 2, 2]
    assert found.by_class["segment_f1_50"][0] == pytest.approx(2 * 2 / (2 + 3))
    np.testing.assert_allclose(found.videos[0].errors, [[0, 0, -2], [0, -0.2, 0]], atol=1e-9)
    assert found.by_class["onset"][0] == pytest.approx(0.1)
    assert found.by_class["onset_late"][0] == pytest.approx(-0.1)


def test_confusion_by_hand():
    # 0-2 run taken for sit; 2-4 both agree on run; 4-5 eat missed; 6-7 sit predicted wrongly.
    found = agreement(
        [bout("run", 0, 4), bout("eat", 4, 5)],
        [bout("sit", 0, 2), bout("run", 2, 4), bout("sit", 6, 7)],
    )
    assert found.confusion.tolist() == [
        [20, 20, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 10],
        [0, 10, 0, 40],
    ]
    assert found.confused_pairs() == [("run", "sit", 20, 0.5)]


def test_times_that_nobody_observed_count_nowhere():
    found = agreement([bout("run", 0, 4)], [bout("run", 0, 8)], unknown=[(4, 10)])
    assert found.by_class["f1"][0] == 1
    assert found.videos[0].frames == 40
    assert found.confusion.sum() == 40


def test_frame_figures_are_those_of_scikit_learn():
    videos, labels, scores, predicted = [], [], [], []
    for seed in range(3):
        values, true, bouts, truth = random_video(seed, f"v{seed}")
        videos.append(count(f"v{seed}", CLASSES, grid(12), true, bouts, values))
        labels.append(truth)
        scores.append(np.repeat(values.scores, 3, axis=0))
        predicted.append(scores[-1] >= 0.5)
    found = Agreement(CLASSES, tuple(videos))
    labels, scores, predicted = map(np.concatenate, (labels, scores, predicted))
    for index in range(3):
        truth, guess = labels[:, index], predicted[:, index]
        expected = {
            "ap": average_precision_score(truth, scores[:, index]),
            "f1": f1_score(truth, guess),
            "kappa": cohen_kappa_score(truth, guess),
        }
        for key, value in expected.items():
            assert found.by_class[key][index] == pytest.approx(value), key
    assert found.pooled["f1"] == pytest.approx(f1_score(labels, predicted, average="micro"))
    # Scores without any information, by trial.
    draws = np.random.default_rng(0).random((100, *labels.shape))
    reached = [average_precision_score(labels, draw, average="macro") for draw in draws]
    assert found.chance == pytest.approx(np.mean(reached), abs=0.005)


def bouts_plainly(shown):
    """The bouts of a list of 0 and 1, as sets of frames."""
    found, current = [], set()
    for frame, value in enumerate([*shown, 0]):
        if value:
            current.add(frame)
        elif current:
            found.append(current)
            current = set()
    return found


def hits_plainly(true, predicted, threshold):
    free = list(range(len(true)))
    hits = 0
    for bout in predicted:
        shares = [len(bout & other) / len(bout | other) for other in true]
        if shares and max(shares) >= threshold:
            best = shares.index(max(shares))
            if best in free:
                free.remove(best)
                hits += 1
    return hits


def test_counts_are_those_of_plain_loops_over_frames():
    generator = np.random.default_rng(5)
    for _ in range(20):
        smooth = generator.random((2, 100, 3)).cumsum(axis=1)
        real, found = (np.sin(smooth * generator.uniform(0.5, 3, 3)) > 0.2).astype(int)
        sides = [
            [
                bout(name, first / 10, end / 10)
                for name, column in zip(CLASSES, shown.T, strict=True)
                for first, end in runs(column)
            ]
            for shown in (real, found)
        ]
        counts = agreement(*sides).videos[0]
        for index in range(3):
            true, predicted = (bouts_plainly(shown[:, index]) for shown in (real, found))
            assert counts.bouts[index] == len(true)
            assert counts.predicted_bouts[index] == len(predicted)
            assert counts.hits[:, index].tolist() == [
                hits_plainly(true, predicted, threshold) for threshold in IOUS
            ]
            for other in range(3):
                confused = sum(
                    int(a[index] and not b[index] and b[other] and not a[other])
                    for a, b in zip(real, found, strict=True)
                )
                if other != index:
                    assert counts.confusion[index, other] == confused


def test_cells_without_a_score_come_last():
    values, true, bouts, truth = random_video(0)
    values.scores[10:20] = np.nan
    found = agreement(true, bouts)
    found = Agreement(CLASSES, (count("a", CLASSES, grid(12), true, bouts, values),))
    lowest = np.nan_to_num(np.repeat(values.scores[:, 0], 3), nan=-1)
    assert found.by_class["ap"][0] == pytest.approx(average_precision_score(truth[:, 0], lowest))


# ---------------------------------------------------------------------------------------- intervals


def resample_plainly(videos, weights, key):
    """The values of a figure in each resample, with copies of whole videos."""
    for column in weights.T:
        drawn = [video for video, times in zip(videos, column, strict=True) for _ in range(times)]
        yield Agreement(CLASSES, tuple(drawn)).by_class[key]


@pytest.mark.parametrize("key", [figure.key for figure in FIGURES])
def test_resamples_are_agreements_of_copies_of_videos(key):
    videos = []
    for seed in range(4):
        values, true, bouts, _ = random_video(seed, f"v{seed}")
        if seed == 2:
            true = [each for each in true if each.label != "sit"]
        videos.append(count(f"v{seed}", CLASSES, grid(12), true, bouts, values))
    found = Agreement(CLASSES, tuple(videos), resamples=12)
    expected = list(resample_plainly(videos, resample_weights(4, 12), key))
    np.testing.assert_allclose(found.resampled[key], expected, rtol=1e-12)
    low, high = found.mean_intervals[key]
    assert 0 <= low < found.mean[key] < high


def test_many_levels_of_scores_are_joined_in_resamples_only(monkeypatch):
    values, true, bouts, _ = random_video(0)
    fine = values.scores + np.random.default_rng(1).random(values.scores.shape).astype("f4") / 100
    fine = VideoScores("a", CLASSES, values.times, values.frames, fine)
    videos = tuple(count(n, CLASSES, grid(12), true, bouts, fine) for n in "ab")
    plain = figures.average_precisions(videos, 3)
    few = figures.resampled_precisions(videos, 3, np.ones((2, 1)))
    np.testing.assert_allclose(few[0], plain)
    monkeypatch.setattr(figures, "MOST_LEVELS", 10)
    joined = figures.resampled_precisions(videos, 3, np.ones((2, 1)))
    np.testing.assert_allclose(joined[0], plain, atol=0.03)
    assert not np.array_equal(joined[0], plain)


# --------------------------------------------------------------------------------------- comparison


def test_a_better_prediction_is_shown_to_be_better():
    good, bad = [], []
    for seed in range(8):
        values, true, bouts, _ = random_video(seed, f"v{seed}")
        args = (f"v{seed}", CLASSES, grid(12), true)
        bad.append(count(*args, bouts, values))
        longer = [bout(each.label, each.start, each.stop + 0.1) for each in true]
        good.append(count(*args, longer, values))
    worse, better = (Agreement(CLASSES, tuple(each), 200) for each in (bad, good))
    found = compare(worse, better)
    for key in ("f1", "kappa", "segment_f1_50"):
        assert found.mean[key].is_shown, key
        assert found.mean[key].share_better == 1, key
    assert found.mean["onset"].value < 0  # an error is better where it is less
    assert found.mean["onset"].share_better > 0.9
    assert not found.mean["ap"].is_shown  # the scores are the same
    assert found.mean["ap"].share_better == 0.5
    assert found.by_class["f1"]["run"].first == pytest.approx(worse.by_class["f1"][0])


def test_predictions_on_other_videos_cannot_be_compared():
    one = agreement([bout("run", 0, 1)], [])
    other = agreement([bout("run", 0, 2)], [])
    with pytest.raises(UserError, match="same videos"):
        compare(one, other)


def test_a_record_has_no_numbers_where_there_are_none():
    record = agreement([bout("run", 1, 5)], [bout("eat", 1, 2)]).to_record()
    json.dumps(record, allow_nan=False)
    assert record["mean"]["ap"] == {"value": None, "low": None, "high": None}
    assert record["classes"][0]["f1"]["value"] == 0
    assert record["classes"][1]["f1"]["value"] is None
