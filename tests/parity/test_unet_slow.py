"""The U-Nets equal the slow rewrite: outputs, and gradients to input and weights."""

import pytest
import torch
from torch import Tensor, nn

from simseg_core import create_model
from tests.parity.compare import assert_same_function, gradients, shaken
from tests.parity.slow_unet import slow_unet

WIDTHS = (3, 4, 5, 6, 7)


def check(model: nn.Module, size: tuple[int, int], **form: object) -> None:
    """Hand the model's own tensors to the slow rewrite and compare."""
    model = shaken(model)
    tensors = [
        tensor
        for name, tensor in model.state_dict(keep_vars=True).items()
        if not name.endswith("num_batches_tracked")
    ]

    def slow(x: Tensor) -> Tensor:
        return slow_unet(x, tensors, **form)

    x = torch.randn(2, 3, *size, dtype=torch.float64)
    weights = list(model.parameters())
    assert_same_function(gradients(model, x, weights), gradients(slow, x, weights))


@pytest.mark.parametrize("size", [(188, 204), (220, 188)])
def test_unet(size: tuple[int, int]) -> None:
    check(create_model("unet", widths=WIDTHS, num_classes=2), size)


def test_unet_of_another_depth() -> None:
    check(create_model("unet", widths=(3, 4, 5), num_classes=2), (48, 60), depth=2)


@pytest.mark.parametrize("size", [(16, 16), (33, 70), (47, 18)])
@pytest.mark.parametrize("kind", ["padded", "residual"])
def test_padded_and_residual(kind: str, size: tuple[int, int]) -> None:
    model = create_model(f"unet_{kind}", widths=WIDTHS, num_classes=4)
    check(model, size, kind=kind)


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("up", ["transposed", "bilinear"])
@pytest.mark.parametrize("kind", ["padded", "residual"])
def test_options(kind: str, up: str, skips: bool) -> None:
    model = create_model(f"unet_{kind}", widths=WIDTHS, up=up, skips=skips)
    check(model, (21, 38), kind=kind, up=up, skips=skips)
