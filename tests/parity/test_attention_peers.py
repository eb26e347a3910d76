"""Self-attention equals implementations that share no code with ours."""

import pytest
import torch
import torch.nn.functional as F
from attn_gan_pytorch.CustomLayers import SelfAttention
from torch import Tensor

from simseg_core.models.attention import SelfAttention2d

SIZES = [(6, 10), (7, 3), (1, 5)]


def close(ours: Tensor, theirs: Tensor) -> None:
    """Equal to 1e-9 of the largest value."""
    largest = theirs.abs().max().item()
    assert largest > 1e-3, "nothing to compare"
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9 * largest)


def pair() -> tuple[SelfAttention2d, SelfAttention]:
    """Our block and attn-gan-pytorch's, in float64, with the same weights."""
    theirs = SelfAttention(32).double().eval()
    torch.nn.init.constant_(theirs.gamma, 0.7)
    ours = SelfAttention2d(32).double().eval()
    renamed = {
        name.replace("_conv", ""): value for name, value in theirs.state_dict().items()
    }
    ours.load_state_dict(renamed, strict=True)
    return ours, theirs


@pytest.mark.parametrize("size", SIZES)
def test_equals_attn_gan_pytorch(size):
    ours, theirs = pair()
    x = 3 * torch.randn(2, 32, *size, dtype=torch.float64)
    expected, expected_map = theirs(x)
    y, attention_map = ours(x, return_map=True)
    close(y, expected)
    close(ours(x), expected)
    close(attention_map, expected_map.flatten(2))  # theirs is (B, N, H, W)


def test_gradients_equal_attn_gan_pytorch():
    ours, theirs = pair()
    x = 3 * torch.randn(2, 32, 6, 10, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn_like(x)

    def gradients(block: torch.nn.Module, y: Tensor) -> dict[str, Tensor]:
        named = {"input": x, **dict(block.named_parameters())}
        found = torch.autograd.grad((y * upstream).sum(), list(named.values()))
        return dict(zip((name.replace("_conv", "") for name in named), found))

    expected = gradients(theirs, theirs(x)[0])
    got = gradients(ours, ours(x))
    assert got.keys() == expected.keys()
    for name in got.keys() - {"key.bias"}:
        close(got[name], expected[name])
    # The keys' bias drops out of the softmax: rounding is all that is left.
    assert max(g["key.bias"].abs().max() for g in (got, expected)) < 1e-12


def by_pytorch(block: SelfAttention2d, x: Tensor, scale: float | None) -> Tensor:
    """The first arXiv version by PyTorch's own attention, one matrix product each."""
    tokens = x.flatten(2).mT  # (B, N, C)
    weights = block.state_dict()

    def apply(name: str) -> Tensor:
        return tokens @ weights[f"{name}.weight"].flatten(1).T + weights[f"{name}.bias"]

    attended = F.scaled_dot_product_attention(
        apply("query"), apply("key"), apply("value"), scale=scale
    )
    return x + weights["gamma"] * attended.mT.unflatten(2, x.shape[-2:])


@pytest.mark.parametrize("size", SIZES)
def test_equals_pytorch_without_a_scale(size):
    block, _ = pair()
    x = 3 * torch.randn(2, 32, *size, dtype=torch.float64)
    close(block(x), by_pytorch(block, x, scale=1.0))


def test_pytorchs_default_scale_is_another_block():
    block, _ = pair()
    x = 3 * torch.randn(2, 32, 6, 10, dtype=torch.float64)
    ours, scaled = block(x) - x, by_pytorch(block, x, scale=None) - x
    assert (ours - scaled).norm() > 0.05 * ours.norm()


def by_loops(block: SelfAttention2d, x: Tensor, *, pool: bool) -> Tensor:
    """Equations 1 to 3, one position at a time, for the layouts without a peer."""
    weights = {name: p.squeeze() for name, p in block.named_parameters()}

    def every_position(name: str, shrink: bool) -> list[Tensor]:
        projected = torch.einsum("oc,chw->ohw", weights[f"{name}.weight"], image)
        _, H, W = projected.shape
        if not shrink:
            return [projected[:, i, j] for i in range(H) for j in range(W)]
        return [
            projected[:, i : i + 2, j : j + 2].amax(dim=(1, 2))
            for i in range(0, H - 1, 2)
            for j in range(0, W - 1, 2)
        ]

    images = []
    for image in x:
        keys, values = every_position("key", pool), every_position("value", pool)
        columns = []
        for j, query in enumerate(every_position("query", False)):
            strengths = [torch.exp(key @ query) for key in keys]
            total = sum(strengths)
            attended = sum(s / total * v for s, v in zip(strengths, values))
            here = image[:, j // x.shape[3], j % x.shape[3]]
            output = weights["output.weight"] @ attended
            columns.append(weights["gamma"] * output + here)
        images.append(torch.stack(columns, dim=1).view_as(image))
    return torch.stack(images)


@pytest.mark.parametrize("layout", ["final", "tensorflow"])
@pytest.mark.parametrize("size", [(6, 10), (7, 5)])
def test_other_layouts_equal_the_equations(layout, size):
    block = SelfAttention2d(32, layout=layout).double()
    torch.nn.init.constant_(block.gamma, 0.7)
    x = torch.randn(2, 32, *size, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn_like(x)
    slow = by_loops(block, x, pool=layout == "tensorflow")
    inputs = [x, *block.parameters()]
    for y in (block(x), block(x, return_map=True)[0]):
        close(y, slow)
        expected = torch.autograd.grad(
            (slow * upstream).sum(), inputs, retain_graph=True
        )
        got = torch.autograd.grad((y * upstream).sum(), inputs)
        for ours, theirs in zip(got, expected):
            close(ours, theirs)
