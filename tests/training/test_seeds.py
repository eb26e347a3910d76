"""Scores of several seeds, and their table."""

import math
import re

import pytest

from simseg_core.training.metrics import Scores
from simseg_core.training.seeds import SeedRuns, SeedTable


def runs(**poles: float) -> SeedRuns:
    return SeedRuns(
        {
            int(seed[1:]): Scores({"sky": 0.9, "pole": pole}, {"pole": pole / 2}, 0.8)
            for seed, pole in poles.items()
        }
    )


def test_median_and_range_over_the_seeds() -> None:
    three = runs(s0=0.5, s1=0.1, s7=0.4)
    assert three.values("pole") == [0.5, 0.1, 0.4]
    assert three.median("pole") == 0.4
    assert three.spread("pole") == (0.1, 0.5)
    assert three.median("boundary_miou") == pytest.approx(0.2)
    assert three.median() == pytest.approx((0.9 + 0.4) / 2)


def test_a_seed_without_a_value_makes_the_median_nan() -> None:
    assert math.isnan(runs(s0=0.1, s1=math.nan, s2=0.2).median("pole"))


def test_a_measure_that_does_not_exist_lists_those_that_do() -> None:
    with pytest.raises(ValueError, match=r"no measure 'tree'.*miou.*sky.*pole"):
        runs(s0=0.1).values("tree")


def test_the_table_holds_every_number_in_text_and_html() -> None:
    table = SeedTable(
        {"with <skips>": runs(s0=0.5, s1=0.25), "without": runs(s0=0.0, s1=0.125)},
        ["pole", "pixel_accuracy"],
    )
    for number in ("0.500", "0.250", "0.375", "0.250 to 0.500", "0.062", "0.800"):
        assert number in str(table)
        assert f">{number}</td>" in table._repr_html_()
    assert ' data-value="0.0625"' in table._repr_html_()  # shown as 0.062
    assert len(str(table).splitlines()) == 1 + 2 * 2
    assert "with &lt;skips&gt;" in table._repr_html_()


def test_a_phone_shows_names_median_and_range_before_the_seeds() -> None:
    measures = ["miou", "boundary_miou", "pixel_accuracy", "pole"]
    lines = str(SeedTable({"net": runs(s3=0.5)}, measures)).splitlines()
    heads = re.split(" {2,}", lines[0])
    assert heads == ["network", "measure", "median", "min to max", "seed 3"]
    names = [re.split(" {2,}", line)[1] for line in lines[1:]]
    assert names == ["mIoU", "boundary mIoU", "pixel accuracy", "IoU of pole"]


def test_other_seeds_are_not_compared() -> None:
    with pytest.raises(ValueError, match="different seeds"):
        SeedTable({"a": runs(s0=0.5), "b": runs(s1=0.5)})
