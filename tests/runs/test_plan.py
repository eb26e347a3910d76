"""A plan is checked when it is made, and written so that it can be read again."""

import json
from pathlib import Path
from typing import Any

import pytest

from simseg_core.runs import Plan


def test_what_is_written_is_read_again() -> None:
    plan = Plan(
        "folder:x",
        classes=("a", "b"),
        mask_values={0: "a", 255: "b"},
        lists=("t.txt", "v.txt"),
        options={"widths": [1, 2]},
        crop=None,
    )
    again = Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan
    assert again.mask_values == plan.mask_values


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"steps": 0}, "steps=0 must be 1 or more"),
        ({"steps": 1.5}, "steps=1.5 must be int"),
        ({"steps": True}, "steps=True must be int"),
        ({"max_lr": 0.0}, "max_lr=0.0 must be above 0"),
        ({"max_lr": float("nan")}, "max_lr=nan must be above 0"),
        ({"val_share": 1}, "val_share=1 must lie between 0 and 1"),
        ({"loss": "dice+dise"}, "there is no 'dise', but cross-entropy, focal, dice"),
        ({"augment": "foto"}, "there is no 'foto', but photo"),
        ({"precision": "half"}, "there is no 'half', but float32, float64"),
        ({"group": "x", "lists": ("a", "b")}, "by group or by lists, not by both"),
        ({"pretrained": True, "start_from": "runs/a"}, "come from one place"),
        ({"amp": True, "precision": "float64"}, "mixed precision has no float64"),
        ({"classes": 3}, "classes=3 must be"),
        ({"model": 3}, "model=3 must be str"),
        ({"crop": -1}, "crop=-1 must be 1 or more"),
    ],
)
def test_what_cannot_be_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words.replace("(", r"\(")):
        Plan("street", **asked)


def test_going_on_otherwise_is_refused_with_the_difference() -> None:
    plan, file = Plan("street", steps=20), Path("runs/a/run.json")
    plan.check_same({"steps": 20, "data": "street"}, file)
    with pytest.raises(ValueError, match=r"steps=30 and not 20; seed=1 and not 0"):
        plan.check_same({"steps": 30, "seed": 1}, file)


def test_a_plan_that_is_cut_off_is_told(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        Plan.read(file)
    file.write_text('{"plan": {"data"')
    with pytest.raises(ValueError, match="holds no plan"):
        Plan.read(file)
