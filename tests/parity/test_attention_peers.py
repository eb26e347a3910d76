"""Self-attention equals implementations that share no code with ours."""

import pytest
import torch
import torch.nn.functional as F
from attn_gan_pytorch.CustomLayers import SelfAttention
from torch import Tensor, nn

from simseg_core.models.attention import SelfAttention2d
from tests.parity.compare import assert_close, assert_same_function, gradients, shaken

SIZES = [(6, 10), (7, 3), (1, 5)]


def pair() -> tuple[SelfAttention2d, SelfAttention]:
    """Our block and attn-gan-pytorch's, in float64, with the same weights."""
    theirs = shaken(SelfAttention(32))
    nn.init.constant_(theirs.gamma, 0.7)
    ours = SelfAttention2d(32).double().eval()
    renamed = {
        name.replace("_conv", ""): value for name, value in theirs.state_dict().items()
    }
    ours.load_state_dict(renamed, strict=True)
    return ours, theirs


def features(*size: int) -> Tensor:
    """Features large enough for a peaked softmax."""
    return 3 * torch.randn(2, 32, *size, dtype=torch.float64)


def weights(block: nn.Module) -> list[Tensor]:
    """All but the keys' bias: it drops out of the softmax, its gradient is rounding."""
    return [
        parameter
        for name, parameter in block.named_parameters()
        if name not in ("key.bias", "key_conv.bias")
    ]


@pytest.mark.parametrize("size", SIZES)
def test_equals_attn_gan_pytorch(size: tuple[int, int]) -> None:
    ours, theirs = pair()
    x = features(*size)
    expected, expected_map = theirs(x)
    y, attention_map = ours(x, return_map=True)
    assert_close(y, expected)
    assert_close(ours(x), expected)
    assert_close(attention_map, expected_map.flatten(2))  # theirs is (B, N, H, W)


def test_gradients_equal_attn_gan_pytorch() -> None:
    ours, theirs = pair()
    x = features(6, 10)
    assert_same_function(
        gradients(ours, x, weights(ours)),
        gradients(lambda x: theirs(x)[0], x, weights(theirs)),
    )


def test_keys_bias_drops_out_of_the_softmax() -> None:
    """In both blocks: it adds one number to all scores of a query."""
    ours, theirs = pair()
    x = features(6, 10)
    for block, bias in ((ours, ours.key.bias), (theirs, theirs.key_conv.bias)):
        with torch.no_grad():
            before = block(x)
            bias.add_(1)
            after = block(x)
        if block is theirs:
            before, after = before[0], after[0]
        assert_close(after, before)


def by_pytorch(block: SelfAttention2d, x: Tensor, scale: float | None) -> Tensor:
    """The first arXiv version by PyTorch's own attention, one matrix product each."""
    tokens = x.flatten(2).mT  # (B, N, C)
    held = dict(block.named_parameters())

    def apply(name: str) -> Tensor:
        return tokens @ held[f"{name}.weight"].flatten(1).T + held[f"{name}.bias"]

    attended = F.scaled_dot_product_attention(
        apply("query"), apply("key"), apply("value"), scale=scale
    )
    return x + held["gamma"] * attended.mT.unflatten(2, x.shape[-2:])


@pytest.mark.parametrize("size", SIZES)
def test_equals_pytorch_without_a_scale(size: tuple[int, int]) -> None:
    block, _ = pair()
    x = features(*size)
    assert_same_function(
        gradients(block, x, weights(block)),
        gradients(lambda x: by_pytorch(block, x, scale=1.0), x, weights(block)),
    )


def test_pytorchs_default_scale_is_another_block() -> None:
    block, _ = pair()
    x = features(6, 10)
    ours, scaled = block(x) - x, by_pytorch(block, x, scale=None) - x
    assert (ours - scaled).norm() > 0.05 * ours.norm()


def by_loops(block: SelfAttention2d, x: Tensor, *, pool: bool) -> Tensor:
    """Equations 1 to 3, one position at a time, for the layouts without a peer."""
    held = {name: p.squeeze() for name, p in block.named_parameters()}

    def every_position(image: Tensor, name: str, shrink: bool) -> list[Tensor]:
        projected = torch.einsum("oc,chw->ohw", held[f"{name}.weight"], image)
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
        keys = every_position(image, "key", pool)
        values = every_position(image, "value", pool)
        columns = []
        for j, query in enumerate(every_position(image, "query", False)):
            strengths = torch.stack([torch.exp(key @ query) for key in keys])
            shares = strengths / strengths.sum()
            attended = sum(share * value for share, value in zip(shares, values))
            here = image[:, j // x.shape[3], j % x.shape[3]]
            columns.append(held["gamma"] * (held["output.weight"] @ attended) + here)
        images.append(torch.stack(columns, dim=1).view_as(image))
    return torch.stack(images)


@pytest.mark.parametrize("layout", ["final", "tensorflow"])
@pytest.mark.parametrize("size", [(6, 10), (7, 5)])
def test_other_layouts_equal_the_equations(layout: str, size: tuple[int, int]) -> None:
    block = shaken(SelfAttention2d(32, layout=layout))
    x = features(*size) / 3
    pool = layout == "tensorflow"
    expected = gradients(lambda x: by_loops(block, x, pool=pool), x, weights(block))
    assert_same_function(gradients(block, x, weights(block)), expected)
    mapped = gradients(lambda x: block(x, return_map=True)[0], x, weights(block))
    assert_same_function(mapped, expected)
