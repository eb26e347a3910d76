"""The recursion against single poisoned rows and columns, on random networks."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from simseg_core.probes import receptive_field

LAYERS = ("conv", "depthwise", "max", "average", "up", "nearest", "crop", "pad",
          "adapt", "shuffle", "skip", "branch", "gate")  # fmt: skip


class Random(nn.Module):
    """A stack of drawn layers, each of which keeps four channels."""

    def __init__(self, plan):
        super().__init__()
        self.plan = plan
        kernels = [(p["kernel"], p["kernel_w"]) for p in plan]
        self.full = nn.ModuleList(nn.Conv2d(4, 4, k) for k in kernels)
        self.deep = nn.ModuleList(nn.Conv2d(4, 4, k, groups=4) for k in kernels)
        self.back = nn.ModuleList(nn.ConvTranspose2d(4, 4, k, 2) for k in kernels)
        self.mix = nn.Conv2d(8, 4, 1)

    def forward(self, x):
        for i, step in enumerate(self.plan):
            if min(x.shape[2:]) < 6 or max(x.shape[2:]) > 40:
                break
            x = self.apply_step(x, i, **step)
        return x

    def apply_step(self, x, i, kind, kernel, kernel_w, stride, padding, dilation):
        # Half of the kernel's reach at most, as torch demands of a pooling.
        inside = (min(padding, kernel // 2), min(padding, kernel_w // 2))
        if kind in ("conv", "depthwise"):
            conv = (self.full if kind == "conv" else self.deep)[i]
            if min(x.shape[2:]) + 2 * padding <= dilation * max(kernel, kernel_w):
                return x
            return F.conv2d(
                x, conv.weight, None, stride, padding, dilation, conv.groups
            ).relu()
        if kind == "max":
            return F.max_pool2d(x, (kernel, kernel_w), stride, inside, ceil_mode=True)
        if kind == "average":
            return F.avg_pool2d(x, (kernel, kernel_w), stride, inside)
        if kind == "up":
            return self.back[i](x)
        if kind == "nearest":
            size = (x.shape[2] + kernel, x.shape[3] * stride - 1)
            return F.interpolate(x, size, mode="nearest")
        if kind == "crop":
            return x[:, :, padding:, 1::stride]
        if kind == "pad":
            mode = ("constant", "reflect", "replicate")[kernel - 1]
            return F.pad(x, (padding, stride, 1, padding), mode)
        if kind == "adapt":
            return F.adaptive_avg_pool2d(x, (x.shape[2] - kernel, x.shape[3] // 2))
        if kind == "shuffle":
            return F.pixel_shuffle(x.repeat(1, 4, 1, 1), 2)[:, :, ::2, 1:]
        if kind == "gate":
            return x * x[:, :1].mean(2 + padding % 2, keepdim=True)
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
    count = shape[axis - 1]
    images = torch.rand(count, *shape)
    images.movedim(axis, 1)[torch.arange(count), torch.arange(count)] = torch.nan
    with torch.no_grad():
        return model(images).isnan().any(1)


def ends(hits):
    """First and last input index of every output; None where there is none."""
    count = hits.shape[0]
    low, high = hits.int().argmax(0), count - 1 - hits.flip(0).int().argmax(0)
    return low, high, hits.any(0)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(steps, min_size=1, max_size=6), st.integers(12, 19), st.integers(12, 19)
)
def test_every_index_of_a_random_network_agrees_with_brute_force(plan, height, width):
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
