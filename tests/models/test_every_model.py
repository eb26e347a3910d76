"""What every network of `list_models()` can do, tried on its tiny form."""

import copy
import io

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core import create_model, list_models
from tests.models.tiny import NAMES, ONE_A_CLASS, close, shown

SEGMENTATION = list_models("segmentation")
# Pixels to learn from: the valid U-Net's own, room for the borders of DeepLab's coarse
# map, and few for attention, which compares every two of them.
SIZES = {"unet_attention": 16, "unet_": 32, "unet": 204, "deeplab": 64, "fchardnet": 64}
LEARNERS = [name for name in ONE_A_CLASS if name in SEGMENTATION]


def tiny(name: str, **options: object) -> nn.Module:
    return shown(create_model(name, preset="tiny", num_classes=3, **options))


def images(name: str, batch: int = 2) -> Tensor:
    """Oblong images of an odd size; the valid U-Net has sizes of its own."""
    size = {"unet": (188, 204), "fchardnet70": (77, 102)}.get(name, (45, 70))
    return torch.randn(batch, 3, *size)


@pytest.mark.parametrize("name", NAMES)
def test_shape_on_odd_oblong_images(name: str) -> None:
    x = images(name)
    with torch.no_grad():
        y = tiny(name)(x)
    if name not in SEGMENTATION:
        assert y.shape == (2, 3)
    elif name == "unet":
        assert y.shape == (2, 3, 188 - 184, 204 - 184)
    else:
        assert y.shape == (2, 3, *x.shape[-2:])


@pytest.mark.parametrize("name", NAMES)
def test_gradient_reaches_every_parameter(name: str) -> None:
    model = tiny(name).double()
    model(images(name).double()).square().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.any(), parameter_name


@pytest.mark.parametrize("name", NAMES)
def test_state_dict_carries_the_whole_network(name: str) -> None:
    model, other = tiny(name), tiny(name)
    x = images(name)
    with torch.no_grad():
        expected = model(x)
        assert not torch.equal(other(x), expected)
        file = io.BytesIO()
        torch.save(model.state_dict(), file)
        file.seek(0)
        other.load_state_dict(torch.load(file, weights_only=True))
        assert torch.equal(other(x), expected)


@pytest.mark.parametrize("name", NAMES)
def test_deep_copy_is_equal_and_separate(name: str) -> None:
    model = tiny(name)
    x = images(name)
    with torch.no_grad():
        expected = model(x)
        copied = copy.deepcopy(model)
        assert torch.equal(copied(x), expected)
        for parameter in copied.parameters():
            parameter.zero_()
        assert torch.equal(model(x), expected)


@pytest.mark.parametrize("name", NAMES)
def test_batch_of_one_gives_the_same_logits(name: str) -> None:
    model = tiny(name)
    x = images(name)
    with torch.no_grad():
        close(model(x[1:]), model(x)[1:])


@pytest.mark.parametrize("name", NAMES)
def test_batch_of_none_gives_no_logits_and_no_gradient(name: str) -> None:
    # The last batch of a split, or what a filter leaves of one, may be empty.
    model = tiny(name)
    x = images(name)
    with torch.no_grad():
        expected = model(x).shape[1:]
    y = model(x[:0])
    assert y.shape == (0, *expected)
    y.sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is None or not parameter.grad.any(), parameter_name


@pytest.mark.parametrize("name", NAMES)
def test_channels_last_gives_the_same_logits(name: str) -> None:
    model = tiny(name)
    x = images(name)
    with torch.no_grad():
        expected = model(x)
        model = model.to(memory_format=torch.channels_last)
        close(model(x.to(memory_format=torch.channels_last)), expected)


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_autocast_stays_near(name: str) -> None:
    model = tiny(name)
    x = images(name)
    with torch.no_grad():
        expected = model(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = model(x)
    assert y.dtype == torch.bfloat16
    # bfloat16 keeps 8 bits of each value; errors add up over the layers.
    close(y.float(), expected, tolerance=0.1)


@pytest.mark.parametrize("name", LEARNERS)
def test_learns_four_images(name: str) -> None:
    model = create_model(name, preset="tiny", num_classes=2)
    size = next((SIZES[start] for start in SIZES if name.startswith(start)), 32)
    # Blobs with smooth borders; the second class is a little brighter.
    field = F.interpolate(torch.rand(4, 1, 3, 3), size, mode="bilinear")
    mask = field[:, 0] > field.median()
    x = torch.randn(4, 3, size, size) + mask[:, None]
    with torch.no_grad():
        crop = (size - model(x).shape[-1]) // 2
    target = mask[:, crop : size - crop, crop : size - crop].long()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    right = 0.0
    for _ in range(50):
        optimizer.zero_grad()
        logits = model(x)
        right = (logits.argmax(1) == target).float().mean().item()
        if right > 0.9:
            break
        F.cross_entropy(logits, target).backward()
        optimizer.step()
    assert right > 0.9


@pytest.mark.parametrize("name", ONE_A_CLASS)
def test_compiles_without_a_break(name: str) -> None:
    model = tiny(name)
    x = images(name)
    with torch.no_grad():
        expected = model(x)
        compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
        close(compiled(x), expected)


def test_inductor_gives_the_same_logits() -> None:
    model = tiny("unet_padded", widths=(4, 6))
    x = images("unet_padded")
    with torch.no_grad():
        close(torch.compile(model)(x), model(x))
