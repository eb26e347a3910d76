"""Trained weights for an encoder: the book's own, and who may have them."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import nn

from simseg_core.measured import FOLDER
from simseg_core.runs import Network, load_pretrained

FILE = FOLDER / "earth_encoder.safetensors"
ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS, DATA_PAGE = ROOT / "benchmarks", ROOT / "book" / "data.md"


@pytest.fixture(scope="module")
def pretraining() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module("pretrain_encoder")


def small(name: str = "unet_resnet18", **options: Any) -> tuple[nn.Module, Network]:
    network = Network(name, ("sea", "land"), options=options)
    return network.build(), network


def test_encoder_gets_the_stored_weights_and_nothing_else_does() -> None:
    model, network = small()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    load_pretrained(model, network)
    with safe_open(FILE, framework="pt") as file:
        stored = {f"encoder.{name}": file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    after = model.state_dict()
    assert {name for name in after if name.startswith("encoder.")} == set(stored)
    for name, value in after.items():
        wanted = stored.get(name, before[name])
        torch.testing.assert_close(value, wanted.to(value.dtype), rtol=0, atol=0)
        assert value.dtype == before[name].dtype
    assert not torch.equal(
        after["encoder.stem.0.weight"], before["encoder.stem.0.weight"]
    )


def test_stored_file_is_small_and_says_what_it_is() -> None:
    size = FILE.stat().st_size
    assert size < 1_000_000
    assert f"an encoder of {round(size / 1000)} KB" in DATA_PAGE.read_text("utf-8")
    with safe_open(FILE, framework="pt") as file:
        made = file.metadata()
    assert made["model"] == "unet_resnet18, preset small, the encoder"
    assert "colourisation" in made["task"]
    assert {"loss", "torch", "date"} <= set(made)


@pytest.mark.parametrize(
    ("name", "options"),
    [("unet_resnet34", {}), ("unet_resnet18", {"widths": (4, 4, 4, 4)})],
)
def test_other_small_networks_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="say preset='paper'"):
        load_pretrained(*small(name, **options))


def test_pieces_are_chosen_without_labels(
    pretraining: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels are exchanged for nonsense: the same pieces are drawn."""
    image, label = pretraining.earth()
    pieces = pretraining.Pieces("train", size=32, length=4, seed=1)
    before = [pieces.tile(i) for i in range(4)]
    nonsense = image, (label + 1) % 3
    for module in ("simseg_core.data.blue_marble", "pretrain_encoder"):
        monkeypatch.setattr(f"{module}.earth", lambda: nonsense)
    assert [pieces.tile(i) for i in range(4)] == before


def test_pieces_lie_where_training_does_and_vary_in_brightness(
    pretraining: Any,
) -> None:
    pieces = pretraining.Pieces("train", size=32, length=20, seed=1, normalize=False)
    owners = importlib.import_module("simseg_core.data.blue_marble")._OWNERS
    for i in range(20):
        assert owners[int((pieces.tile(i).longitude + 180) // 15)] == "train"
        assert pieces[i][0].mean(0).std() >= 0.9 * pretraining.CONTRAST


def test_a_colour_is_named_by_the_nearest_kind(pretraining: Any) -> None:
    rng = torch.Generator().manual_seed(0)
    kinds = torch.rand(pretraining.COLORS, 3, generator=rng)
    images = kinds[torch.randint(len(kinds), (4, 20, 20), generator=rng)].movedim(-1, 1)
    found = pretraining.kinds_of_colors(images, rng)
    assert found.shape == (pretraining.COLORS, 3)
    apart = torch.cdist(images.movedim(1, -1).reshape(-1, 3), found).min(1).values
    assert apart.mean() < 0.1
