"""Outputs of every layout, type and place: which pixels, by hand and by each probe."""

from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
import torchvision.models as zoo
from torch import nn
from torch.utils.checkpoint import checkpoint

from simseg_core.probes import effective_receptive_field, receptive_field
from simseg_core.probes.field.brute_force import gradient_support

SIZE = (3, 12, 16)


def grown(x):
    """Each position reads rows one up and one down, columns two to the left."""
    return F.avg_pool2d(F.pad(x, (2, 0, 1, 1)), (3, 3), 1)


def merged(x):
    """Channels last, four neighbours side by side, as Swin merges its patches."""
    x = grown(x).permute(0, 2, 3, 1)
    parts = [x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
    return torch.cat(parts, dim=-1)


LAYOUTS = {  # -> where rows and columns stand
    "B C h w": (grown, (2, 3)),
    "B h w C": (lambda x: grown(x).permute(0, 2, 3, 1), (1, 2)),
    "B w h C": (lambda x: grown(x).permute(0, 3, 2, 1), (2, 1)),
    "B C w h": (lambda x: grown(x).transpose(2, 3), (3, 2)),
    "h w B C": (lambda x: grown(x).permute(2, 3, 0, 1), (0, 1)),
    "C h w": (lambda x: grown(x)[0], (1, 2)),
    "h w C": (lambda x: grown(x)[0].permute(1, 2, 0), (0, 1)),
    "h w": (lambda x: grown(x)[0, 1], (0, 1)),
    "B T C h w": (lambda x: grown(x)[:, None], (3, 4)),
    "B h w C of a list": (lambda x: [grown(x).permute(0, 2, 3, 1)], (1, 2)),
}


def ends(mask):
    rows, columns = mask.nonzero().T
    return (int(rows.min()), int(rows.max())), (int(columns.min()), int(columns.max()))


@pytest.mark.parametrize("name", LAYOUTS)
def test_rows_and_columns_are_found_wherever_they_stand(name):
    model, dims = LAYOUTS[name]
    field = receptive_field(model, SIZE)
    assert field.output.map_dims == field.output.position_dims == dims
    assert (len(field.rows.first), len(field.columns.first)) == (12, 16)
    expected = ((3, 5), (7, 9))
    for box in (field.box((4, 9)), field.unclipped_box((4, 9))):
        assert box == expected
    assert ends(field.support((4, 9))) == expected
    assert ends(gradient_support(model, SIZE, (4, 9))) == expected
    effective = effective_receptive_field(
        model, SIZE, output_index=(4, -7), samples=1, dims=dims
    )
    assert effective.output_index == (4, 9)
    asked = effective_receptive_field(model, SIZE, output_index=(4, 9), samples=1)
    assert torch.equal(asked.map, effective.map)
    assert asked.box == effective.box == ends(asked.map > 0) == expected
    middle = effective_receptive_field(model, SIZE, samples=1)
    assert (middle.output_index, middle.box) == ((6, 8), ((5, 7), (6, 8)))


def test_channels_last_maps_of_other_sizes_are_read_as_the_operations_moved_them():
    field = receptive_field(merged, SIZE)
    assert field.output.map_dims == (1, 2)
    # Rows 2 i - 1 to 2 i + 2, columns 2 j - 2 to 2 j + 1.
    assert field.box((2, 5)) == ((3, 6), (8, 11))
    assert effective_receptive_field(merged, SIZE, samples=1).box == ((5, 8), (6, 9))
    swin = zoo.swin_t(weights=None).features[:2]
    effective = effective_receptive_field(swin, (3, 32, 64), samples=1)
    assert effective.output_index == (4, 8)
    for pooled, index in (
        (lambda x: x.mean(3, keepdim=True).permute(0, 2, 3, 1), (6, 0)),
        (lambda x: x.mean((2, 3), keepdim=True).permute(0, 2, 3, 1), (0, 0)),
    ):
        found = effective_receptive_field(pooled, SIZE, samples=1)
        assert found.output_index == index


def test_tokens_and_classes_are_probed_where_the_index_says_which():
    def tokens(x):
        return grown(x).flatten(2).mT

    with pytest.raises(ValueError, match="no map of rows and columns"):
        effective_receptive_field(tokens, SIZE, samples=1)
    found = effective_receptive_field(tokens, SIZE, output_index=[4 * 16 + 9])
    assert found.box == ends(found.map > 0) == ((3, 5), (7, 9))
    assert ends(gradient_support(tokens, SIZE, [4 * 16 + 9])) == found.box
    classes = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert (effective_receptive_field(classes, SIZE, output_index=()).map > 0).all()
    assert gradient_support(classes, SIZE, ()).all()


def test_a_layout_that_the_trace_does_not_tell_is_asked_for():
    def spectrum(x):
        return torch.fft.fft2(x).real.permute(0, 2, 3, 1)

    for probe in (
        lambda **dims: gradient_support(spectrum, SIZE, (4, 9), **dims),
        lambda **dims: effective_receptive_field(spectrum, SIZE, samples=1, **dims).map,
    ):
        with pytest.raises(ValueError, match=r"Give dims=\(2, 3\) .* dims=\(1, 2\)"):
            probe()
        assert (probe(dims=(1, 2)) != 0).sum() > 100
        with pytest.raises(ValueError, match="are not those of an output"):
            probe(dims=(1, 7))


@dataclass
class Answer:
    loss: torch.Tensor
    maps: list


class Heads(nn.Module):
    """A constant loss, then two maps with fields of 3 and of 5 pixels."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 3, padding=1)

    def forward(self, x):
        loss, fine = self.a.weight.square().sum(), self.a(x)
        return Answer(loss, [fine, {"coarse": self.b(fine).permute(0, 2, 3, 1)}])


def test_each_output_has_its_support_and_its_effective_field():
    field = receptive_field(Heads(), SIZE)
    assert list(field.outputs) == ["maps.0", "maps.1.coarse"]
    for output, expected in (
        (None, ((4, 6), (7, 9))),
        ("maps.0", ((4, 6), (7, 9))),
        ("maps.1.coarse", ((3, 7), (6, 10))),
    ):
        assert ends(field.support((5, 8), output=output)) == expected
        mask = gradient_support(Heads(), SIZE, (5, 8), output=output)
        assert ends(mask) == expected
        found = effective_receptive_field(
            Heads(), SIZE, output_index=(5, 8), output=output, samples=1
        )
        assert found.box == ends(found.map > 0) == expected
    pair = receptive_field(lambda x: (x, grown(x)), SIZE)
    assert int(pair.support((4, 9), output=1).sum()) == 9
    with pytest.raises(
        KeyError, match=r"no output 'loss' .* 'maps.0', 'maps.1.coarse'"
    ):
        field.support((5, 8), output="loss")
    with pytest.raises(KeyError, match=r"no tensor 'aux'; there are: 'loss', 'maps.0'"):
        effective_receptive_field(Heads(), SIZE, output="aux")
    with pytest.raises(ValueError, match="does not depend on the image"):
        gradient_support(Heads(), SIZE, (), output="loss", dims=())


class Scaled(torch.autograd.Function):
    """Keeps a float32 weight for a backward pass of its own."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(weight)
        return F.conv2d(x, weight)

    @staticmethod
    def backward(ctx, grad):
        return F.conv_transpose2d(grad, *ctx.saved_tensors), None


torch.manual_seed(0)
plain, half = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3).half()
brain = nn.Conv2d(4, 2, 3).bfloat16()
meta = nn.Conv2d(3, 4, 3, device="meta")
norm = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3))
old = nn.utils.weight_norm(nn.Conv2d(3, 4, 3))
dead = nn.Parameter(torch.zeros(2, 3, 3, 3))
fixed = torch.ones(1, 1, 12, 16)
canvas = torch.zeros(1, 3, 12, 16)


def written(x):
    made = torch.zeros(x.shape, dtype=torch.float32)
    made[:, :, 1:] = x.float()[:, :, :-1]
    return plain(made.roll(-1, 2))


def older(x):
    canvas[...] = x
    return plain(canvas)


# Each reads 3 x 3 pixels, or 5 x 5; the second number is their count.
TYPES = {
    "a function": (lambda x: plain(x), 9),
    "a bound method": (plain.forward, 9),
    "half": (lambda x: half(x.half()).float(), 9),
    "two types": (lambda x: brain(half(x.half()).bfloat16()), 25),
    "a constant of float32": (lambda x: F.conv2d(plain(x), torch.ones(1, 4, 3, 3)), 25),
    "a constant from before": (lambda x: F.conv2d(x * fixed, dead), 9),
    "a dead weight": (lambda x: F.conv2d(x, dead).relu(), 9),
    "a cast by name": (lambda x: plain(x.to(dtype=torch.float16).type(torch.float)), 9),
    "weights without memory": (meta, 9),
    "weights made of two": (lambda x: norm(x), 9),
    "weights made by a hook": (lambda x: old(x), 9),
    "a backward pass by hand": (lambda x: Scaled.apply(x, plain.weight), 9),
    "a part that runs again": (
        lambda x: checkpoint(plain, x, use_reentrant=False), 9,
    ),
    "written in float32": (written, 9),
    "written to what stood before": (older, 9),
    "changed in place": (lambda x: plain(x.sub_(0.5).div_(0.2)), 9),
    "complex": (lambda x: plain(torch.fft.ifft2(torch.fft.fft2(x)).real), 12 * 16),
    "a complex output": (lambda x: torch.complex(plain(x), plain(x)), 9),
    "dropped": (lambda x: F.dropout(plain(x), 0.999, training=False), 9),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TYPES)
def test_the_support_does_not_depend_on_types_and_places_of_tensors(name):
    model, count = TYPES[name]
    mask = gradient_support(model, SIZE, (4, 4), dims=(2, 3))
    assert int(mask.sum()) == count
    assert mask[4:7, 4:7].all()
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert torch.equal(gradient_support(model, SIZE, (4, 4), dims=(2, 3)), mask)
    assert (plain.weight.dtype, half.weight.dtype) == (torch.float32, torch.float16)
    assert not canvas.any()
    assert not dead.any()


def test_torchscript_is_refused_by_the_support_with_the_remedy():
    scripted = torch.jit.trace(plain, torch.rand(1, *SIZE))
    with pytest.raises(ValueError, match="probe the module that was scripted"):
        gradient_support(lambda x: scripted(x), SIZE, (4, 4))
