"""`create_model` and `list_models`: names, presets, options, and their errors."""

import inspect
import subprocess
import sys

import pytest
import torch

from simseg_core import create_model, list_models, models
from simseg_core.models.presets import PRESETS, TABLE, TASKS

NAMES = list_models()


def parameters(name: str, **options: object) -> int:
    return sum(p.numel() for p in create_model(name, **options).parameters())


def test_every_model_has_one_task() -> None:
    by_task = [list_models(task) for task in TASKS]
    assert sorted([*by_task[0], *by_task[1]]) == sorted(NAMES)
    assert "unet" in by_task[0]
    assert "resnet50" in by_task[1]


@pytest.mark.parametrize("name", NAMES)
def test_presets_keep_their_promise(name: str) -> None:
    assert parameters(name, preset="tiny") < 50_000
    assert 60_000 <= parameters(name, preset="small") <= 200_000


@pytest.mark.parametrize("name", NAMES)
def test_presets_change_numbers_only(name: str) -> None:
    """Widths shrink, the wiring stays: as many modules, of the same kinds."""
    with torch.device("meta"):
        kinds = [
            [type(module).__name__ for module in create_model(name, preset=p).modules()]
            for p in PRESETS
        ]
    assert kinds[1] == kinds[0]
    assert kinds[2] == kinds[0]


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_what_the_table_needs(name: str) -> None:
    signature = inspect.signature(getattr(models, TABLE[name].target)).parameters
    assert {p.kind for p in signature.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert {"in_channels", "num_classes"} <= signature.keys()


@pytest.mark.parametrize("name", NAMES)
def test_channels_reach_the_network(name: str) -> None:
    model = create_model(name, preset="tiny", in_channels=2, num_classes=5).eval()
    size = 188 if name == "unet" else 64
    assert model(torch.zeros(1, 2, size, size)).shape[1] == 5
    with pytest.raises(ValueError, match="expected 2 channels"):
        model(torch.zeros(1, 3, size, size))


def test_options_win_over_the_preset() -> None:
    model = create_model("unet", preset="tiny", widths=(3, 4))
    assert model.classify.in_channels == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": "unet_paded"},
            "unknown model 'unet_paded': did you mean 'unet_padded'",
        ),
        ({"name": "??"}, "unknown model .*: there is unet, "),
        ({"name": "unet", "preset": "tinny"}, "unknown preset .* did you mean 'tiny'"),
        ({"name": "unet", "width": 3}, "option of unet 'width': did you mean 'widths'"),
        ({"name": "resnet50", "depth": 18}, "resnet50 fixes depth=50"),
    ],
)
def test_unknown_words_name_the_nearest(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_model(**arguments)


def test_unknown_task() -> None:
    with pytest.raises(ValueError, match="did you mean 'segmentation'"):
        list_models("segmentatoin")


@pytest.mark.parametrize("count", [{"in_channels": 0}, {"num_classes": 0}])
@pytest.mark.parametrize("name", NAMES)
def test_channel_counts_are_checked(name: str, count: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be 1 or more, got 0"):
        create_model(name, preset="tiny", **count)


def test_a_models_module_is_imported_only_when_asked_for() -> None:
    script = """
import sys, simseg_core
simseg_core.list_models()
loaded = lambda: {m for m in sys.modules if m.startswith("simseg_core.models.")}
listed = {"simseg_core.models.zoo", "simseg_core.models.presets"}
assert loaded() == listed, loaded()
simseg_core.create_model("unet", preset="tiny")
built = {"simseg_core.models.unet", "simseg_core.models.layers"}
assert loaded() == listed | built, loaded()
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_models_re_export_lazily_and_completely() -> None:
    from simseg_core import models

    for name in models.__all__:
        assert getattr(models, name).__name__ == name
    assert "UNet" in dir(models)
    with pytest.raises(AttributeError, match="NoSuchNet"):
        models.NoSuchNet  # noqa: B018


def test_every_name_of_the_models_package_leads_to_its_class() -> None:
    for name in models.__all__:
        assert getattr(models, name).__name__ == name
