"""However a network is held, a probe evaluates it and leaves it as it found it."""

import random
import warnings
import weakref
from argparse import Namespace
from collections import namedtuple
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from simseg_core.probes import (
    UnknownOperationError,
    compare,
    cost,
    effective_receptive_field,
    measure,
    receptive_field,
    trace_shapes,
)
from simseg_core.probes.field.brute_force import gradient_support

SIZE = (3, 12, 12)
BRIEF = {"min_run_time": 0.001, "max_run_time": 0.001}


class Norm(nn.Module):
    """Fresh, so in training mode: told as global if it is left there."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.seen, self.last, self.modes = [], None, {}
        self.norm.eval()
        self.counter = torch.zeros(1)  # no buffer: nobody but the network knows it
        self.drop = nn.Dropout(0.5)
        self.tail = nn.BatchNorm2d(4)

    def features(self, x):
        self.modes["features"] = self.training
        self.seen.append(x)
        self.counter += 1
        self.last = F.dropout(self.conv(x), 0.5, self.training)
        if self.training:  # heads of training see everything
            self.last = self.last + self.last.mean((2, 3), keepdim=True)
        return self.tail(self.drop(self.norm(self.last)))

    def forward(self, x):
        return self.features(x)


class Holder:
    """A callable object; its class holds another network."""

    __slots__ = ("net",)
    spare = Norm()

    def __init__(self, net):
        self.net = net

    def __call__(self, x):
        return self.net.features(x)

    def of_class(self, x):
        return self.spare.features(x)


def cycle(net):
    while True:
        yield net


NET = Norm()
COMPILED = torch.compile(NET)
SETS = {"nets": [NET]}
Pair = namedtuple("Pair", "first second")


def by_default(x, *, net=NET):
    return net.features(x)


def helper(x):
    return SETS["nets"][0].features(x)


def found_late():
    """Nothing but running it leads to the network."""
    nets = cycle(NET)
    return lambda x: next(nets)(x)


WAYS = {
    "itself": lambda: NET,
    "a closure": lambda: (lambda net: lambda x: net(x))(NET),
    "a method in a closure": lambda: (lambda net: lambda x: net.features(x))(NET),
    "a bound method": lambda: NET.features,
    "a partial": lambda: partial(lambda nets, x: nets["a"].features(x), {"a": NET}),
    "a default argument": lambda: by_default,
    "a global name": lambda: helper,
    "through a function": lambda: lambda x: helper(x),
    "a list": lambda: (lambda nets: lambda x: nets[0][0].features(x))([[NET]]),
    "a named tuple": lambda: (lambda p: lambda x: p[1].features(x))(Pair(0, NET)),
    "slots": lambda: Holder(NET),
    "a class": lambda: Holder(None).of_class,
    "a compiled module": lambda: COMPILED,
    "a generator": found_late,
}
PROBES = {
    "trace_shapes": lambda f: trace_shapes(f, (1, *SIZE)),
    "trace_shapes on numbers": lambda f: trace_shapes(f, (1, *SIZE), device="cpu"),
    "cost": lambda f: cost(f, (1, *SIZE)),
    "receptive_field": lambda f: receptive_field(f, SIZE),
    "support": lambda f: receptive_field(f, SIZE).support((4, 4)),
    "effective": lambda f: effective_receptive_field(f, SIZE, samples=1),
    "gradient_support": lambda f: gradient_support(f, SIZE, (4, 4)),
    "measure": lambda f: measure(f, torch.rand(2, *SIZE), **BRIEF),
    "backward": lambda f: measure(f, torch.rand(2, *SIZE), backward=True, **BRIEF),
    "compare": lambda f: compare(
        {"a": f, "b": f}, torch.rand(2, *SIZE), rounds=1, turn_time=0.001
    ),
}
TIMED = ("measure", "backward", "compare")


@pytest.fixture(autouse=True)
def found(request):
    """Give the network a state of its own, and check that it is there afterwards."""
    torch.manual_seed(0)
    for net in (NET, Holder.spare):
        net.train()
        net.norm.eval()
        for norm in (net.norm, net.tail):
            norm.running_mean.fill_(1.25), norm.running_var.fill_(3.0)
        net.seen, net.last, net.modes = ["mine"], None, {"features": "mine"}
        net.counter = torch.full((1,), 7.0)
        net.extra = net.counter
    states = [state(net) for net in (NET, Holder.spare)]
    yield
    assert [state(net) for net in (NET, Holder.spare)] == states
    assert not torch.nn.modules.module._has_any_global_hook()  # torch.compile asks


def state(net):
    tensors = [*net.parameters(), *net.buffers(), net.counter]
    return (
        [module.training for module in net.modules()],
        [tensor.tolist() for tensor in tensors],
        [parameter.grad for parameter in net.parameters()],
        [parameter.requires_grad for parameter in net.parameters()],
        (list(net.seen), net.last, dict(net.modes), net.extra is net.counter),
        sorted(vars(net)),
    )


def draws():
    return torch.rand(1).item(), random.random(), np.random.rand()  # noqa: NPY002


@pytest.mark.parametrize("probe", PROBES)
def test_every_probe_leaves_networks_lists_and_random_states_as_they_were(probe):
    features = []
    NET.tail.register_forward_hook(lambda module, args, out: features.append(out))
    mean, variance, canvas = torch.zeros(4), torch.ones(4), torch.zeros(2, 4, *SIZE[1:])

    def model(x):
        random.random(), np.random.rand()  # noqa: NPY002
        made = NET.features(x) + 0 * torch.rand(1, 1, 1, 1)
        canvas[: len(x)].add_(1)
        return made + 0 * F.batch_norm(made, mean, variance, training=True)

    def seeded():
        torch.manual_seed(1), random.seed(1), np.random.seed(1)  # noqa: NPY002

    run = PROBES[probe]
    seeded()
    if probe in TIMED:
        torch.rand(2, *SIZE)  # the image that the test itself draws
    expected = draws()
    seeded()
    run(model)
    assert draws() == expected
    assert (mean.tolist(), variance.tolist()) == ([0.0] * 4, [1.0] * 4)
    assert not canvas.any()
    NET.tail._forward_hooks.clear()
    if probe not in TIMED:  # what is timed is the reader's own call, lists and all
        assert features == []


@pytest.mark.parametrize("way", WAYS)
def test_a_network_is_evaluated_however_it_is_held(way):
    model = WAYS[way]()
    assert receptive_field(model, SIZE).rows.summary()[0] == "3"
    field = effective_receptive_field(model, SIZE, samples=1)
    assert field.box == ((5, 7), (5, 7))
    assert int((field.map > 0).sum()) == 9
    assert int(gradient_support(model, SIZE, (6, 6)).sum()) == 9


def test_a_method_of_a_module_that_could_not_be_found_is_refused_with_the_remedy():
    nets = cycle(NET)
    for name in ("trace_shapes", "receptive_field", "effective", "gradient_support"):
        with pytest.raises(ValueError, match=r"a method of Norm runs .* Pass the Norm"):
            PROBES[name](lambda x: next(nets).features(x))
    NET.seen[:] = ["mine"]  # it had begun when the probe met it
    NET.last, NET.modes = None, {"features": "mine"}
    NET.counter = NET.extra = torch.full((1,), 7.0)
    nets = cycle(Norm().eval())  # nothing to set
    assert receptive_field(lambda x: next(nets).features(x), SIZE).size == (3, 3)


@pytest.mark.parametrize("probe", [name for name in PROBES if name not in TIMED])
def test_a_network_that_raises_is_left_as_it_was(probe):
    def model(x):
        NET.features(x)
        raise KeyError("no such level")

    with pytest.raises((KeyError, ValueError), match="no such level"):
        PROBES[probe](model)


def test_what_the_image_writes_into_an_older_tensor_is_put_back_or_refused():
    conv, canvas = nn.Conv2d(3, 4, 3, padding=1), torch.zeros(2, 4, *SIZE[1:])

    def model(x):
        canvas[: len(x), :, 1:] = conv(x)[:, :, :-1]
        return canvas[: len(x)] * 2

    trace_shapes(model, (1, *SIZE), device="cpu")
    field = effective_receptive_field(model, SIZE, samples=1, dims=(2, 3))
    assert [int(n) for n in (field.map > 0).nonzero().amin(0)] == [4, 5]
    mask = gradient_support(model, SIZE, (6, 6), dims=(2, 3))
    assert mask.nonzero().amin(0).tolist() == [4, 5]
    with pytest.raises(UnknownOperationError, match=r"made in forward, buffer\.clone"):
        receptive_field(model, SIZE)
    assert not canvas.any()


@pytest.mark.parametrize(
    "norm", [nn.utils.parametrizations.spectral_norm, nn.utils.spectral_norm]
)
def test_spectral_norm_keeps_its_estimate_and_is_evaluated(norm):
    conv = norm(nn.Conv2d(3, 4, 3, padding=1))
    before = [tensor.clone() for tensor in conv.buffers()]
    for name in ("trace_shapes", "effective", "support", "backward"):
        PROBES[name](lambda x: conv(x))
    assert conv.training
    assert before
    assert all(map(torch.equal, conv.buffers(), before))


def test_a_gradient_that_is_still_to_be_taken_is_not_disturbed():
    loss = NET.tail.eval()(torch.rand(1, 4, 5, 5, requires_grad=True)).sum()
    NET.tail.train()
    for name in ("trace_shapes on numbers", "receptive_field", "effective"):
        PROBES[name](NET)
    loss.backward()
    NET.tail.zero_grad()


def test_a_reader_in_inference_mode_gets_the_same():
    model = WAYS["a closure"]()
    with torch.inference_mode():
        assert receptive_field(model, SIZE).size == (3, 3)
        assert int(gradient_support(model, SIZE, (6, 6)).sum()) == 9
        images = torch.rand(1, *SIZE)
        field = effective_receptive_field(model, inputs=images)
    assert int((field.map > 0).sum()) == 9


def test_a_lazy_network_in_a_closure_is_refused_by_name():
    lazy = nn.LazyConv2d(2, 3)
    for name, probe in PROBES.items():
        with pytest.raises(ValueError, match="the model is lazy: call it once"):
            probe(lambda x: lazy(x)), name


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_the_image_has_the_type_of_a_network_in_a_closure(kind):
    conv = nn.Conv2d(3, 4, 3).to(kind)
    assert trace_shapes(lambda x: conv(x), (1, *SIZE))[-1].output_shape[1:] == (
        4,
        10,
        10,
    )
    assert receptive_field(lambda x: conv(x), (12, 12)).size == (3, 3)
    field = effective_receptive_field(lambda x: conv(x), SIZE, samples=1)
    assert int((field.map > 0).sum()) == 9
    assert int(gradient_support(lambda x: conv(x), SIZE, (6, 6)).sum()) == 9


def test_a_network_with_complex_weights_takes_real_images():
    class Filter(nn.Module):
        """Weigh the frequencies, as Fourier operators and global filters do."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, 12, 7, dtype=torch.complex64))
            self.mix = nn.Conv2d(3, 4, 1)

        def forward(self, x):
            seen = torch.fft.irfft2(torch.fft.rfft2(x) * self.weight)
            return self.mix(seen + x)

    found = trace_shapes(Filter(), (1, *SIZE))
    assert found.macs == 12 * 12 * 3 * 4
    mask = gradient_support(Filter(), SIZE, (6, 6), dims=(2, 3))
    assert bool(mask.all())  # a Fourier transform sees the whole image


def test_a_reader_under_autocast_gets_no_fake_weights():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3))
    image = torch.rand(1, *SIZE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        right = net(image)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for name in ("trace_shapes", "receptive_field", "effective", "support"):
            PROBES[name](net)
            got = net(image)
            assert type(got) is torch.Tensor, name
            assert torch.equal(got, right), name


def test_a_network_that_infers_by_itself_is_probed_like_any_other():
    conv = nn.Conv2d(3, 4, 3, padding=1)
    infer = torch.inference_mode()(lambda x: conv(x))
    assert trace_shapes(infer, (1, *SIZE)).macs == 12 * 12 * 3 * 4 * 9
    assert receptive_field(infer, SIZE).size == (3, 3)
    assert int(gradient_support(infer, SIZE, (6, 6)).sum()) == 9
    assert infer(torch.rand(1, *SIZE)).is_inference()  # as before
    with torch.inference_mode():
        made = nn.Conv2d(3, 4, 3, padding=1)
    assert trace_shapes(made, (1, *SIZE)).macs == 12 * 12 * 3 * 4 * 9
    assert receptive_field(made, SIZE).size == (3, 3)


def test_a_network_behind_a_weak_reference_is_found():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    gone = weakref.proxy(nn.ReLU())
    proxy, reference = weakref.proxy(net), weakref.ref(net)
    vars(net).update(owner=proxy, gone=gone, all=[gone])
    for model in (
        lambda x: proxy(x),
        lambda x: reference().forward(x),
        net,
    ):
        assert receptive_field(model, SIZE).size == (3, 3)
        assert int(gradient_support(model, SIZE, (6, 6)).sum()) == 9
    assert net.training


@pytest.mark.parametrize("probe", PROBES)
def test_what_a_network_notes_in_nested_places_is_put_back(probe):
    class Noting(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.scores = {"all": []}
            self.state = SimpleNamespace(step=0, seen=[])

        def forward(self, x):
            self.scores["all"].append(1)
            self.state.step += 1
            self.state.seen.append(x)
            return self.conv(x)

    net = Noting()
    PROBES[probe](net)
    assert (net.scores, vars(net.state)) == ({"all": []}, {"step": 0, "seen": []})


@pytest.mark.parametrize("holder", [SimpleNamespace, Namespace])
def test_a_network_in_a_namespace_is_found(holder):
    held = holder(net=nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train())
    field = receptive_field(lambda x: held.net.forward(x), SIZE)
    assert (field.size, field.is_global) == ((3, 3), False)


def test_a_compiled_network_is_timed_without_a_warning():
    net = torch.compile(nn.Conv2d(3, 4, 3), backend="eager")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measure(net, torch.rand(1, 3, 8, 8), **BRIEF)
