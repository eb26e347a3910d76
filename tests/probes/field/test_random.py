"""The recursion against single poisoned rows and columns, on random networks."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from torch import nn

from simseg_core.probes import receptive_field
from simseg_core.probes.field.arithmetic import terms

LAYERS = (
    "conv", "depthwise", "grouped", "lopsided", "max", "average", "up", "nearest",
    "linear", "crop", "pad", "adapt", "shuffle", "unshuffle", "skip", "branch", "gate",
    "roll", "flip", "stack", "overwrite", "channels", "patches", "windows", "norm",
    "softmax", "dynamic", "pick", "running", "recurrent",
)  # fmt: skip


def resized(x, size, corners):
    """Resize where NaN stays with the positions that have a weight: 0 * NaN is NaN."""
    out = F.interpolate(x.nan_to_num(), size, mode="bilinear", align_corners=corners)
    spoilt = x.isnan().double()
    for dim in (2, 3):
        old, new = x.shape[dim], size[dim - 2]
        one = torch.eye(old, dtype=torch.float64)[:, None]
        weights = F.interpolate(one, new, mode="linear", align_corners=corners)[:, 0]
        reads = (weights > 1e-9).double()
        spoilt = torch.tensordot(spoilt, reads, ([dim], [0])).movedim(-1, dim)
    return out.masked_fill(spoilt > 0, torch.nan)


class Random(nn.Module):
    """A stack of drawn layers, each of which keeps four channels."""

    def __init__(self, plan):
        super().__init__()
        self.plan = plan
        kernels = [(p["kernel"], p["kernel_w"]) for p in plan]
        self.full = nn.ModuleList(nn.Conv2d(4, 4, k) for k in kernels)
        self.deep = nn.ModuleList(nn.Conv2d(4, 4, k, groups=4) for k in kernels)
        self.pairs = nn.ModuleList(nn.Conv2d(4, 4, k, groups=2) for k in kernels)
        self.back = nn.ModuleList(
            nn.ConvTranspose2d(4, 4, k, 2, groups=2, dilation=p["dilation"])
            for k, p in zip(kernels, plan)
        )
        self.mix = nn.Conv2d(8, 4, 1)
        self.steps = nn.LSTM(4, 4, batch_first=True, bidirectional=True)
        self.poisoned = False

    def forward(self, x):
        for i, step in enumerate(self.plan):
            if min(x.shape[2:]) < 6 or max(x.shape[2:]) > 40:
                break
            x = self.apply_step(x, i, **step)
        return x

    def apply_step(self, x, i, kind, kernel, kernel_w, stride, padding, dilation):
        # Half of the kernel's reach at most, as torch demands of a pooling.
        inside = (min(padding, kernel // 2), min(padding, kernel_w // 2))
        height, width = x.shape[2:]
        if kind in ("conv", "depthwise", "grouped"):
            layers = {"conv": self.full, "depthwise": self.deep, "grouped": self.pairs}
            conv = layers[kind][i]
            if min(height, width) + 2 * padding <= dilation * max(kernel, kernel_w):
                return x
            return F.conv2d(
                x, conv.weight, None, stride, padding, dilation, conv.groups
            ).relu()
        if kind == "lopsided":
            weight = self.full[i].weight
            if height < dilation * kernel:
                return x
            return F.conv2d(x, weight, None, (1, stride), (0, padding), (dilation, 1))
        if kind == "max":
            return F.max_pool2d(x, (kernel, kernel_w), stride, inside, ceil_mode=True)
        if kind == "average":
            ceil = dilation == 1
            return F.avg_pool2d(x, (kernel, kernel_w), stride, inside, ceil)
        if kind == "up":
            return self.back[i](x)
        if kind == "nearest":
            return F.interpolate(x, (height + kernel, width * stride - 1))
        if kind == "linear":
            size, corners = (height + kernel - 2, width * stride - 1), padding > 1
            if self.poisoned:
                return resized(x, size, corners)
            return F.interpolate(x, size, mode="bilinear", align_corners=corners)
        if kind == "crop":
            return x[:, :, padding:, 1::stride]
        if kind == "pad":
            modes = ("constant", "reflect", "replicate", "circular")
            return F.pad(x, (padding, stride, 1, padding), modes[kernel + dilation - 3])
        if kind == "adapt":
            adapt = (F.adaptive_avg_pool2d, F.adaptive_max_pool2d)[stride - 1]
            return adapt(x, (height - kernel, width // 2))
        if kind == "shuffle":
            four = torch.stack([x, x.roll(1, 3), x.roll(2, 2), x.flip(2)], dim=2)
            return F.pixel_shuffle(four.flatten(1, 2), 2)[:, :, ::2, 1:]
        if kind == "unshuffle":
            x = F.pixel_unshuffle(x[:, :, : height // 2 * 2, : width // 2 * 2], 2)
            return x[:, padding::4] + x[:, :4]
        if kind == "gate":
            return x * x[:, :1].mean(2 + padding % 2, keepdim=True)
        if kind == "roll":
            return x.roll((padding, -kernel), (2, 3))
        if kind == "flip":
            return x.flip(2 + padding % 2)
        if kind == "stack":
            both = torch.stack([x, x.roll(kernel, 3)], dim=1 + padding)
            return both.amax(1 + padding) if stride > 1 else both.mean(1 + padding)
        if kind == "overwrite":
            y = x.clone() if dilation > 1 else torch.zeros_like(x)
            y[:, :, kernel:] = x[:, :, :-kernel]
            y[:, padding].mul_(x[:, 3])
            y[..., ::stride] += 1
            y[:, :, 1, 2:] = 0
            return y
        if kind == "channels":  # the two halves see different things
            one, two = x.chunk(2, dim=1)
            two = F.max_pool2d(two, (1, 3), 1, (0, 1))
            return F.channel_shuffle(torch.cat([two, one], dim=1), 2)
        if kind == "patches":
            columns = F.unfold(x, (kernel, kernel_w), 1, inside, stride)
            if padding > 1:
                x = x.unfold(2, kernel + 1, stride).mean(-1)
                return x.unfold(3, kernel_w, 1).amax(-1)
            return F.fold(
                columns, (height, width), (kernel, kernel_w), 1, inside, stride
            )
        if kind == "windows":  # attention within windows of 2 x 3
            x = x[:, :, : height // 2 * 2, : width // 3 * 3]
            b, c, h, w = x.shape
            tokens = x.view(b, c, h // 2, 2, w // 3, 3).permute(0, 2, 4, 3, 5, 1)
            tokens = tokens.reshape(-1, 6, c)
            out = F.scaled_dot_product_attention(tokens, tokens, tokens) + tokens
            out = out.view(b, h // 2, w // 3, 2, 3, c).permute(0, 5, 1, 3, 2, 4)
            return out.reshape(b, c, h, w)
        if kind == "norm":
            if stride > 1:
                return F.group_norm(x, 2)
            return F.layer_norm(x.permute(0, 2, 3, 1), (4,)).permute(0, 3, 1, 2)
        if kind == "softmax":
            return x.softmax(1 + padding)
        if kind == "running":
            return x.cumsum(1 + padding)
        if kind == "recurrent":  # along the rows, one column after the other
            lines = x.permute(0, 3, 2, 1).reshape(-1, height, 4)
            lines = self.steps(lines, None)[0][..., : 4 if stride == 1 else 8 : stride]
            return lines.reshape(len(x), width, height, 4).permute(0, 3, 2, 1)
        if kind == "dynamic":  # a kernel that one row and column make
            made = self.full[i].weight * x[:, :, padding, kernel].mean()
            return F.conv2d(x, made)
        if kind == "pick":
            return x.index_select(1, torch.tensor([3, 0, padding, 2]))
        y = F.pad(self.full[i](x), (kernel_w - 1, 0, 0, kernel - 1))
        if kind == "skip":
            return x + y
        return self.mix(torch.cat([x, y], dim=1))


steps = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(LAYERS),
        "kernel": st.integers(1, 3),
        "kernel_w": st.integers(1, 3),
        "stride": st.integers(1, 2),
        "padding": st.integers(0, 2),
        "dilation": st.integers(1, 3),
    }
)


def poisoned(model, shape, axis):
    model.poisoned = True
    count = shape[axis - 1]
    images = torch.rand(count, *shape)
    images.movedim(axis, 1)[torch.arange(count), torch.arange(count)] = torch.nan
    with torch.no_grad():
        hits = [model(image[None]).isnan().any(1) for image in images]
    model.poisoned = False
    return torch.cat(hits)


def ends(hits):
    """First and last input index of every output; None where there is none."""
    count = hits.shape[0]
    low, high = hits.int().argmax(0), count - 1 - hits.flip(0).int().argmax(0)
    return low, high, hits.any(0)


plans = st.lists(steps, min_size=1, max_size=6)
sizes = st.integers(12, 19)


def assert_brute_force_agrees(plan, height, width):
    torch.manual_seed(0)
    model, shape = Random(plan).eval(), (4, height, width)
    field = receptive_field(model, shape)
    top, bottom, reads = ends(poisoned(model, shape, 2))
    left, right, _ = ends(poisoned(model, shape, 3))
    for y in range(top.shape[0]):
        for x in range(top.shape[1]):
            expected = (
                (int(top[y, x]), int(bottom[y, x])),
                (int(left[y, x]), int(right[y, x])),
            )
            told = field.box((y, x), whole=True)
            assert told == (expected if reads[y, x] else None), (y, x)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(plans, sizes, sizes)
def test_every_index_of_a_random_network_agrees_with_brute_force(plan, height, width):
    assert_brute_force_agrees(plan, height, width)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(plans, sizes, sizes)
def test_so_it_does_where_a_large_map_is_kept_in_parts(plan, height, width):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terms, "MOST_NUMBERS", 100)
        assert_brute_force_agrees(plan, height, width)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("old", "new"), [(7, 15), (33, 129), (12, 5), (8, 8), (5, 1)])
def test_resizing_reads_where_torch_puts_a_weight(mode, corners, old, new):
    class Resize(nn.Module):
        def forward(self, x):
            return F.interpolate(x, (new, 3), mode=mode, align_corners=corners)

    rows = receptive_field(Resize(), (1, old, 6)).rows
    bumps = torch.eye(old, dtype=torch.float64).reshape(old, 1, old, 1)
    weights = Resize()(bumps.expand(-1, -1, -1, 6))[:, 0, :, 0]
    for i in range(new):
        read = (weights[:, i].abs() > 1e-9).nonzero().flatten()
        assert (rows.first[i], rows.last[i]) == (int(read[0]), int(read[-1]))


@given(st.integers(1, 40), st.integers(1, 40), st.booleans())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_nearest_resizing_reads_the_pixel_that_torch_reads(old, new, exact):
    mode = "nearest-exact" if exact else "nearest"

    class Resize(nn.Module):
        def forward(self, x):
            return F.interpolate(x, (new, 2), mode=mode)

    rows = receptive_field(Resize(), (1, old, 2)).rows
    ramp = torch.arange(float(old)).reshape(1, 1, old, 1).expand(-1, -1, -1, 2)
    read = Resize()(ramp)[0, 0, :, 0].long().tolist()
    assert rows.first.tolist() == rows.last.tolist() == read
