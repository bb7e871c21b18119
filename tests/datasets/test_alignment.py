import numpy as np
import pytest
from csd_files import average, sdk_align

from pgf_plugin.datasets import alignment
from pgf_plugin.datasets.alignment import EPSILON, find_overlaps

VIDEOS = ("a", "b", "c")


def random_intervals(rng: np.random.Generator) -> np.ndarray:
    """Intervals of one video: with and without gaps, nested, repeated, as short as the rule's edge;
    in the precision of files, or on a grid of milliseconds where sums meet the edge exactly."""
    count = int(rng.integers(0, 30))
    start = rng.uniform(0, 20, count)
    if rng.random() < 0.7:
        start.sort()
    durations = [0.0, 0.0005, 0.001, 0.00100001, 0.002, 0.05, 1.0, 30.0]
    intervals = np.stack([start, start + rng.choice(durations, count)], axis=1)
    if rng.random() < 0.3:
        intervals = np.stack([start, np.append(start[1:], 20.0)[:count]], axis=1)
        intervals.sort(axis=1)
    if rng.random() < 0.5:
        intervals = intervals.round(3)
    if count and rng.random() < 0.3:
        intervals = intervals[rng.integers(0, count, count)]
    return intervals.astype(rng.choice([np.float32, np.float64]))


def random_videos(rng: np.random.Generator) -> dict:
    dtype = rng.choice([np.float32, np.float64])
    intervals = {video: random_intervals(rng) for video in VIDEOS}
    return {v: (i, rng.normal(size=(len(i), 3)).astype(dtype)) for v, i in intervals.items()}


@pytest.fixture(params=[None, 7], ids=["at once", "in parts"])
def parts(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(alignment, "_MAX_PAIRS", request.param)


@pytest.mark.parametrize("seed", range(50))
def test_steps_and_intervals_are_those_of_mmsdk(seed, parts):
    rng = np.random.default_rng(seed)
    sequences = {name: random_videos(rng) for name in ("labels", "audio", "vision")}
    expected = sdk_align(sequences, "labels")
    for name in ("audio", "vision"):
        found = 0
        for video in VIDEOS:
            reference, _ = sequences["labels"][video]
            intervals, features = sequences[name][video]
            overlaps = find_overlaps(reference, intervals)
            for row in np.flatnonzero(overlaps.lengths):
                entry = expected[name][f"{video}[{row}]"]
                place = overlaps.of(row)
                np.testing.assert_array_equal(overlaps.intervals[place], entry["intervals"])
                np.testing.assert_array_equal(features[overlaps.steps[place]], entry["features"])
                assert overlaps.intervals.dtype == entry["intervals"].dtype
                found += 1
        assert found == len(expected[name])


@pytest.mark.parametrize("seed", range(50, 100))
def test_means_are_those_of_mmsdk(seed, parts):
    rng = np.random.default_rng(seed)
    sequences = {name: random_videos(rng) for name in ("words", "audio")}
    expected = sdk_align(sequences, "words", average)["audio"]
    found = 0
    for video in VIDEOS:
        intervals, features = sequences["audio"][video]
        overlaps = find_overlaps(sequences["words"][video][0], intervals)
        means, spans = overlaps.mean(features), overlaps.span()
        empty = overlaps.lengths == 0
        assert not means[empty].any()
        assert np.isnan(spans[empty]).all()
        for row in np.flatnonzero(~empty):
            entry = expected[f"{video}[{row}]"]
            np.testing.assert_array_equal(spans[row], entry["intervals"][0])
            np.testing.assert_allclose(means[row], entry["features"][0], rtol=1e-5, atol=1e-6)
            assert means.dtype == entry["features"].dtype
            found += 1
    assert found == len(expected)


@pytest.mark.parametrize("seed", range(100, 130))
def test_words_and_then_labels_is_what_mmsdk_does(seed):
    rng = np.random.default_rng(seed)
    sequences = {name: random_videos(rng) for name in ("words", "audio")}
    labels = random_videos(rng)
    by_word = sdk_align(sequences, "words", average)["audio"]
    again = {key: (entry["intervals"], entry["features"]) for key, entry in by_word.items()}
    again |= {video: (np.empty((0, 2)), np.empty((0, 3))) for video in VIDEOS}  # none is missing
    expected = sdk_align({"labels": labels, "audio": again}, "labels")["audio"]
    found = 0
    for video in VIDEOS:
        intervals, features = sequences["audio"][video]
        words = find_overlaps(sequences["words"][video][0], intervals)
        heard = words.lengths > 0
        overlaps = find_overlaps(labels[video][0], words.span()[heard])
        means = words.mean(features)[heard][overlaps.steps]
        for row in np.flatnonzero(overlaps.lengths):
            entry = expected[f"{video}[{row}]"]
            place = overlaps.of(row)
            np.testing.assert_array_equal(overlaps.intervals[place], entry["intervals"])
            np.testing.assert_allclose(means[place], entry["features"], rtol=1e-5, atol=1e-6)
            found += 1
    assert found == len(expected)


def test_mean_of_integers_is_no_integer():
    steps = np.array([[0.0, 1.0], [1.0, 2.0]])
    overlaps = find_overlaps(np.array([[0.0, 2.0]]), steps)
    np.testing.assert_array_equal(overlaps.mean(np.array([[1], [2]])), [[1.5]])


def test_infinities_of_both_signs_average_to_nan_without_a_warning():
    steps = np.array([[0.0, 1.0], [1.0, 2.0]])
    overlaps = find_overlaps(np.array([[0.0, 2.0]]), steps)
    assert np.isnan(overlaps.mean(np.array([[np.inf], [-np.inf]]))).all()


@pytest.mark.parametrize(("reference", "steps"), [(0, 5), (5, 0), (0, 0)])
def test_nothing_overlaps_nothing(reference, steps):
    overlaps = find_overlaps(np.ones((reference, 2)).cumsum(1), np.ones((steps, 2)).cumsum(1))
    assert overlaps.lengths.tolist() == [0] * reference
    assert overlaps.mean(np.ones((steps, 4))).shape == (reference, 4)


def test_a_step_that_lasts_to_the_end():
    # Its end makes every later step a candidate for every interval.
    count = 3000
    edges = np.arange(count + 1.0)
    steps = np.stack([edges[:-1], edges[1:]], axis=1)
    steps[0, 1] = count
    overlaps = find_overlaps(steps[1:], steps)
    assert overlaps.lengths.tolist() == [2] * (count - 1)
    assert overlaps.span().tolist() == steps[1:].tolist()


def test_edge_of_the_rule():
    reference = np.array([[1.0, 2.0]])
    for overlap, kept in ((EPSILON / 2, 0), (EPSILON * 1.01, 1)):
        steps = np.array([[0.0, 1.0 + overlap], [2.0 - overlap, 3.0]])
        assert find_overlaps(reference, steps).lengths.tolist() == [2 * kept]
