"""Splits: what is held out depends on names and seed alone, and places stay whole."""

import random
import time

import pytest

from simseg_core.data import split

NAMES = [f"cat{i:03d}" for i in range(50)]


def held_out(names, **options):
    train, val = split(names, **options)
    assert sorted(train + val) == list(range(len(names)))
    return {names[i] for i in val}


def test_a_share_is_held_out_whatever_the_order_of_the_names():
    first = held_out(NAMES, share=0.3)
    assert len(first) == round(0.3 * len(NAMES))
    shuffled = random.Random(0).sample(NAMES, len(NAMES))
    assert shuffled != NAMES
    assert held_out(shuffled, share=0.3) == first
    assert held_out(NAMES, share=0.3, seed=1) != first


def test_a_picture_more_moves_few_others():
    before, after = held_out(NAMES), held_out([*NAMES, "dog"])
    assert len(before ^ after) <= 2


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_no_side_is_empty(share):
    train, val = split(["a", "b", "c"], share=share)
    assert train
    assert val


def test_indices_are_ascending():
    for side in split(NAMES):
        assert side == sorted(side)


@pytest.mark.parametrize("seed", range(5))
def test_tiles_of_one_place_stay_together_and_val_is_as_near_as_may_be(seed):
    counts = {"paris": 7, "rome": 5, "oslo": 11, "bern": 4, "bonn": 9}
    names = [f"{town}_{i}" for town, n in counts.items() for i in range(n)]
    val = held_out(names, share=0.25, seed=seed, group="^[a-z]+")
    towns = {name.split("_")[0] for name in val}
    assert len(val) == sum(counts[town] for town in towns)
    assert len(val) == 9  # of 36: bonn, or rome and bern


def test_the_nearest_below_or_above_is_taken_if_no_sum_fits():
    names = [f"{place}{i}" for place in "abc" for i in range(10)]
    assert len(held_out(names, share=0.2, group="[a-c]")) == 10
    large = [f"{place}{i}" for place in "ab" for i in range(20)]
    assert len(held_out(large, share=0.05, group="[ab]")) == 20


def test_the_first_group_of_the_pattern_is_the_place():
    names = ["x1_paris", "x2_paris", "x3_rome", "x4_rome"]
    assert held_out(names, share=0.5, group=r"_(\w+)") in (
        set(names[:2]),
        set(names[2:]),
    )


def test_many_small_places_are_split_in_no_time():
    names = [f"{place}_{i}" for place in range(5000) for i in range(4)]
    start = time.process_time()
    assert len(held_out(names, group=r"^\d+")) == 4000
    assert time.process_time() - start < 4  # of the processor; without a stop, minutes


def test_lists_say_which_is_which(tmp_path):
    train, val = tmp_path / "train.txt", tmp_path / "val.txt"
    train.write_text("cat001.jpg\n\nimages/cat002.jpg\ncat003\n")
    val.write_text("cat010\ncat010\n")
    assert split(NAMES, lists=(train, val)) == ([1, 2, 3], [10])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("cat001", "cat001"), r"both hold cat001: keep it in one"),
        (("cat001", "dog1\ndog2"), r"val.txt holds dog1, dog2.*written like 'cat000'"),
        (("", "cat001"), r"train.txt names no sample"),
        (("cat001", None), r"no list .*val.txt"),
    ],
)
def test_faulty_lists_are_named(tmp_path, lines, words):
    files = tmp_path / "train.txt", tmp_path / "val.txt"
    for file, text in zip(files, lines):
        if text is not None:
            file.write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        split(NAMES, lists=files)


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (NAMES, {"share": 0}, "share=0 is no part of the samples"),
        (NAMES, {"share": 1.0}, "above 0 and below 1"),
        (["a"], {}, "1 sample is too few"),
        (["a", "b", "a"], {}, "'a' is there twice"),
        (NAMES, {"group": "dog"}, "finds no place in cat000, .* and 45 more"),
        (NAMES, {"group": "^cat"}, "one place, 'cat', in every name"),
        (NAMES, {"group": "("}, "no regular expression: missing"),
        (NAMES, {"group": "(x)?cat"}, "finds no place"),
    ],
)
def test_errors_say_what_to_change(names, options, words):
    with pytest.raises(ValueError, match=words):
        split(names, **options)
