"""Traces of networks in every shape that torch allows, against hooks and torchinfo."""

from collections import Counter
from functools import partial

import pytest
import timm
import torch
import torch.nn.functional as F
import torchinfo
import torchvision
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from simseg_core.probes import cost, trace_shapes


class Calls(nn.Module):
    """A network that is one function of its parts and its inputs."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *args, **kwargs):
        return self.function(self, *args, **kwargs)


def shapes(value):
    if isinstance(value, Tensor):
        return [tuple(value.shape)]
    items = value.values() if isinstance(value, dict) else value
    nested = isinstance(value, dict | list | tuple)
    return [shape for item in items for shape in shapes(item)] if nested else []


def called(model, args, kwargs):
    """Every module call and what it returned to its caller, by plain hooks."""
    found = Counter()
    names = {id(module): name for name, module in model.named_modules()}

    def note(module, args, out):
        kind = type(module).__name__
        found[names[id(module)], kind, tuple(shapes(out))] += 1

    handles = [module.register_forward_hook(note) for module in model.modules()]
    with torch.no_grad():
        model(*args, **kwargs)
    for handle in handles:
        handle.remove()
    return found


def conv(*args, **kwargs):
    return nn.Conv2d(*args, 3, padding=1, **kwargs)


def hooked():
    net = nn.Sequential(conv(3, 4), nn.ReLU(), conv(4, 4))
    net[0].register_forward_pre_hook(lambda _, args: (args[0][..., 1:],))
    net[1].register_forward_hook(lambda _, args, out: out[..., ::2, ::2])
    net.register_forward_hook(lambda _, args, out: {"out": out, "mean": out.mean()})
    return net


def shared():
    one = conv(3, 3)
    return nn.Sequential(one, nn.ReLU(inplace=True), one, nn.Identity())


image, tokens = (torch.rand(2, 3, 8, 10),), (torch.rand(2, 10, 16),)
attention = partial(nn.MultiheadAttention, 16, 4, batch_first=True)
layer = partial(nn.TransformerEncoderLayer, 16, 4, 32, batch_first=True)
FORMS = {
    "two inputs": (
        lambda: Calls(lambda s, a, b: s.c(a) + s.c(b), c=conv(3, 4)),
        2 * image,
        {},
    ),
    "a dictionary": (
        lambda: Calls(lambda s, d: s.c(d["x"]), c=conv(3, 4)),
        ({"x": image[0]},),
        {},
    ),
    "keywords": (
        lambda: Calls(lambda s, *, x, by=1: s.c(x) * by, c=conv(3, 4)),
        (),
        {"x": image[0], "by": 2},
    ),
    "a list": (lambda: Calls(lambda s, x: [s.c(x), x, None], c=conv(3, 4)), image, {}),
    "hooks": (hooked, image, {}),
    "shared": (shared, image, {}),
    "attention": (
        lambda: Calls(lambda s, x: s.m(x, x, x)[0], m=attention()),
        tokens,
        {},
    ),
    "encoder": (lambda: nn.TransformerEncoder(layer(), 2), tokens, {}),
    "decoder": (
        lambda: nn.Transformer(16, 4, 1, 1, 32, batch_first=True),
        2 * tokens,
        {},
    ),
    "fused": (
        lambda: Calls(
            lambda s, x: F.scaled_dot_product_attention(x, s.l(x), x),
            l=nn.Linear(16, 16),
        ),
        tokens,
        {},
    ),
    "einsum": (
        lambda: Calls(
            lambda s, x: torch.einsum("bnd,bmd->bnm", x, s.l(x)), l=nn.Linear(16, 16)
        ),
        tokens,
        {},
    ),
    "recurrent": (lambda: nn.LSTM(16, 8, 2, bidirectional=True), tokens, {}),
    "checkpoint": (
        lambda: Calls(
            lambda s, x: checkpoint(s.c, x, use_reentrant=False), c=conv(3, 4)
        ),
        image,
        {},
    ),
    "weight norm": (
        lambda: nn.Sequential(parametrizations.weight_norm(conv(3, 4))),
        image,
        {},
    ),
    "spectral norm": (
        lambda: nn.Sequential(parametrizations.spectral_norm(conv(3, 4))),
        image,
        {},
    ),
    "no module": (
        lambda: Calls(
            lambda s, x: x.mean((2, 3)) @ s.p, p=nn.Parameter(torch.rand(3, 5))
        ),
        image,
        {},
    ),
    "compiled": (
        lambda: nn.Sequential(torch.compile(conv(3, 4), backend="eager"), nn.ReLU()),
        image,
        {},
    ),
}


def state(model):
    """All that a probe might disturb."""
    return (
        [module.training for module in model.modules()],
        [[*vars(module)] for module in model.modules()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
        [(id(p), p.grad, p.device) for p in model.parameters()],
        {name: value.tolist() for name, value in model.state_dict().items()},
        torch.get_rng_state().tolist(),
    )


@pytest.mark.parametrize("form", FORMS)
def test_module_calls_agree_with_hooks_and_nothing_is_disturbed(form):
    build, args, kwargs = FORMS[form]
    torch.manual_seed(0)
    model = build().train()
    before = state(model)
    trace = trace_shapes(model, inputs=kwargs or args)
    real = trace_shapes(model, inputs=kwargs or args, device="cpu")
    assert state(model) == before
    ours = Counter((r.stage, r.operation, r.output_shapes) for r in trace.modules)
    assert ours == called(model.eval(), args, kwargs)
    assert trace.parameters == sum(p.numel() for p in model.parameters())
    assert trace.modules[0].macs == trace.macs == real.macs
    assert trace.rows == real.rows


@pytest.mark.parametrize(
    ("build", "size"),
    [
        (lambda: torchvision.models.vit_b_32(), (1, 3, 224, 224)),
        (lambda: torchvision.models.swin_t(), (1, 3, 64, 96)),
        (lambda: timm.create_model("pvt_v2_b0"), (1, 3, 64, 96)),
        (lambda: timm.create_model("ghostnet_100"), (1, 3, 64, 96)),
    ],
    ids=["vit", "swin", "pvt", "ghostnet"],
)
def test_every_module_call_agrees_with_torchinfo(build, size):
    model = build().eval()
    trace = trace_shapes(model, size)
    info = torchinfo.summary(model, size, depth=30, verbose=0, device="cpu")
    ours = Counter((row.operation, row.output_shape) for row in trace.modules)
    theirs = Counter((at.class_name, tuple(at.output_size)) for at in info.summary_list)
    del theirs["ModuleList", ()]  # it is looped over, not called
    assert ours == theirs
    assert trace.parameters == sum(p.numel() for p in model.parameters())


def test_a_scripted_module_keeps_its_mode():
    model = nn.Sequential(torch.jit.script(nn.Sequential(conv(3, 4), nn.Dropout())))
    model.train()
    trace_shapes(model, (1, 3, 8, 8))
    assert all(module.training for module in model.modules())


def test_what_a_network_appends_to_its_lists_is_taken_out_again():
    class Keeper(nn.Module):
        def __init__(self):
            super().__init__()
            self.seen, self.named = [1], {"a": 1}

        def forward(self, x):
            self.seen.append(x)
            self.named["b"] = x
            return x * 2

    model = Keeper()
    seen = model.seen
    cost(model, (1, 3, 8, 8))
    assert model.seen is seen
    assert (seen, model.named) == ([1], {"a": 1})
