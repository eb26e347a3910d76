"""What the probes say of networks that cannot be probed, or not so."""

from collections import namedtuple
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from simseg_core.probes import (
    UnknownOperationError,
    cost,
    effective_receptive_field,
    measure,
    receptive_field,
    trace_shapes,
)
from simseg_core.probes.field.brute_force import gradient_support


def message(probe, model, size, *, error=(ValueError, RuntimeError)):
    """Let a probe refuse, and give its words."""
    with pytest.raises(error) as refusal:
        probe(model, size)
    text = str(refusal.value)
    assert " at 0x" not in text  # no object's address
    return text


def timed(model, size):
    return measure(model, torch.rand(size), min_run_time=0.001, max_run_time=0.001)


def timed_with_gradient(model, size):
    brief = {"min_run_time": 0.001, "max_run_time": 0.001}
    return measure(model, torch.rand(size), backward=True, **brief)


def effective(model, size):
    return effective_receptive_field(model, size, samples=1)


def support(model, size):
    return gradient_support(model, size, (1, 1))


class Nested(nn.Module):
    """Its second convolution expects other channels than the first makes."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
        self.heads = nn.ModuleDict({"seg": nn.Sequential(nn.Conv2d(4, 8, 1))})

    def forward(self, x):
        return self.heads["seg"](self.stem(x))


@pytest.mark.parametrize(
    "probe",
    [
        trace_shapes,
        cost,
        receptive_field,
        effective,
        support,
        timed,
        timed_with_gradient,
    ],
)
def test_a_shape_error_names_the_layer_and_what_it_was_given(probe):
    where = "in layer 'heads.seg.0' (Conv2d), which was given 1×8×7×7"
    assert where in message(probe, Nested(), (1, 3, 9, 9))
    net = Nested()  # and within a function, where no path leads to it
    where = "in layer a Conv2d, which was given 1×8×7×7"
    assert where in message(probe, lambda x: net(x), (1, 3, 9, 9))


def test_an_error_of_the_network_itself_names_no_layer():
    model = partial(lambda by, x: x.view(by), 7)
    for probe in (trace_shapes, receptive_field, effective, support):
        text = message(probe, model, (1, 3, 9, 9))
        assert text.startswith("<lambda> cannot run on")
        assert "in layer" not in text


def by_choice(x):
    return torch.cond(x.sum() > 0, lambda y: y + 1, lambda y: y * 2, (x,))


def by_flex_attention(x):
    from torch.nn.attention.flex_attention import flex_attention

    tokens = x.flatten(2).mT[:, None]
    return flex_attention(tokens, tokens, tokens)


def by_loop(x):
    from torch._higher_order_ops.while_loop import while_loop

    start = torch.zeros((), dtype=torch.long)
    return while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2), (start, x))[1]


@pytest.mark.filterwarnings("ignore")  # torch's own, that flex_attention is slow so
@pytest.mark.parametrize(
    ("function", "name"),
    [(by_choice, "cond"), (by_flex_attention, "flex_attention"), (by_loop, "while")],
)
def test_a_higher_order_operator_is_refused_by_its_name(function, name):
    text = message(receptive_field, function, (3, 8, 8), error=UnknownOperationError)
    assert text.startswith(name)
    assert "in the network's own forward" in text
    assert "plain operations" in text
    # A trace hears it as one operation, and says that it may have multiplied.
    found = trace_shapes(function, (1, 3, 8, 8))
    assert any(row.operation.startswith(name) for row in found)
    products = 2 * 64 * 64 * 3 if function is by_flex_attention else 0
    assert (found.macs, bool(found.not_counted)) == (products, not products)


def test_a_choice_between_networks_is_refused_by_its_name_on_numbers_too():
    conv = nn.Conv2d(3, 3, 1)

    def model(x):
        return torch.cond(x.sum() > 0, conv, lambda y: y * 2, (x,))

    for probe in (effective, support):
        text = message(probe, model, (1, 3, 8, 8))
        assert "cond runs functions of its own: write it with plain" in text


def test_a_recurrent_network_is_refused_with_a_way_that_works():
    first, last = nn.LSTM(3, 4, batch_first=True), nn.LSTM(3, 4)
    assert "net(image[:, :, 0].mT)" in message(receptive_field, first, (3, 1, 9))
    assert "image[:, :, 0].permute(2, 0, 1))" in message(support, last, (3, 1, 9))
    for model in (
        lambda image: first(image[:, :, 0].mT)[0],
        lambda image: last(image[:, :, 0].permute(2, 0, 1))[0],
    ):
        assert receptive_field(model, (3, 1, 9)).columns.is_global


def test_several_inputs_are_advised_only_where_one_is_missing():
    def two(image, depth):
        return image + depth

    assert "lambda image" in message(receptive_field, two, (3, 8, 8))
    complex_twice = lambda x: torch.fft.rfft2(torch.fft.rfft2(x))  # noqa: E731
    assert "lambda image" not in message(effective, complex_twice, (3, 8, 8))


def test_networks_of_one_and_three_axes_are_refused_with_a_way_that_works():
    line = nn.Sequential(nn.Conv1d(3, 4, 3), nn.MaxPool1d(2))
    for size in ((3, 100), (1, 3, 100)):
        assert "image of one row" in message(receptive_field, line, size)
    columns = receptive_field(lambda image: line(image[:, :, 0]), (3, 1, 100)).columns
    assert (columns.size, columns.stride) == (4, 2)

    volume = nn.Sequential(nn.Conv3d(3, 4, (1, 3, 5)), nn.Conv3d(4, 2, 3))
    for size in ((1, 3, 8, 16, 16), (3, 8, 16, 16)):
        assert "make a volume of one" in message(receptive_field, volume, size)
    field = receptive_field(
        lambda image: volume(image[:, :, None].expand(-1, -1, 8, -1, -1)), (3, 16, 16)
    )
    assert field.size == (5, 7)
    # A layer of one axis that fails for another reason gets no such advice.
    dense = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(5))
    assert "image of one row" not in message(receptive_field, dense, (3, 8, 8))


class Prediction:
    def __init__(self, logits):
        self.logits = logits


@pytest.mark.parametrize(
    "probe", [receptive_field, effective, support, timed_with_gradient]
)
@pytest.mark.parametrize(
    ("returned", "name"),
    [
        (Prediction, "an object of type Prediction"),
        (lambda x: None, "None"),
        (lambda x: "cat", "an object of type str"),
        (lambda x: [1.5], "an object of type list"),
    ],
)
def test_a_result_without_a_tensor_is_told_with_the_remedy(probe, returned, name):
    conv = nn.Conv2d(3, 4, 3)
    text = message(probe, lambda x: returned(conv(x)), (1, 3, 9, 9))
    assert f"returned {name}, in which no tensor is found" in text
    assert "net(image).logits" in text
    assert receptive_field(lambda x: Prediction(conv(x)).logits, (3, 9, 9)).size[0] == 3


def test_a_named_tuple_is_no_riddle():
    conv, pair = nn.Conv2d(3, 4, 3), namedtuple("Pair", "loss logits")
    found = receptive_field(lambda x: pair(None, conv(x)), (3, 9, 9))
    assert found.size == (3, 3)


@pytest.mark.parametrize("probe", [trace_shapes, cost, receptive_field, timed])
def test_what_is_no_network_is_refused(probe):
    text = message(probe, nn.Conv2d, (1, 3, 9, 9), error=TypeError)
    assert "the class Conv2d, not a network: make one first" in text
    assert "str" in message(probe, "resnet18", (1, 3, 9, 9), error=TypeError)


def nested(x, layout):
    return torch.nested.as_nested_tensor([x[0], x[0]], layout=layout)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_nested_tensors_are_refused_by_their_name():
    for layout in (torch.jagged, torch.strided):
        model = partial(nested, layout=layout)
        text = message(receptive_field, model, (3, 9, 9), error=UnknownOperationError)
        assert "nested_tensor" in text
    text = message(trace_shapes, partial(nested, layout=torch.strided), (1, 3, 9, 9))
    assert "layout=torch.jagged" in text


def test_several_inputs_are_told_how_to_be_given():
    text = message(receptive_field, lambda image, depth: image + depth, (3, 9, 9))
    assert "lambda image: net(image, other)" in text


@pytest.mark.parametrize(
    "leave",
    [
        lambda x: torch.from_numpy(x.numpy().copy()),
        lambda x: torch.tensor(np.asarray(x)),
        lambda x: torch.tensor(x.tolist()),
        lambda x: torch.from_dlpack(x),
    ],
    ids=["numpy", "asarray", "tolist", "dlpack"],
)
def test_a_network_whose_image_leaves_torch_has_no_known_field(leave):
    conv = nn.Conv2d(3, 4, 3)

    def model(x):
        return conv(x) + leave(x).mean()  # the mean sees all, and is not heard

    text = message(receptive_field, model, (3, 9, 9), error=UnknownOperationError)
    assert "hands the image's numbers to what is not torch" in text
    assert "write it with torch's operations" in text
    constant = torch.ones(1)  # no part of the image
    assert receptive_field(lambda x: conv(x) + leave(constant), (3, 9, 9)).size == (
        3,
        3,
    )


def test_a_size_may_be_of_any_whole_numbers():
    conv = nn.Conv2d(3, 4, 3)
    size = tuple(np.array([1, 3, 9, 9]))
    assert cost(conv, size).macs == 7 * 7 * 4 * 3 * 9
    assert receptive_field(conv, size).size == (3, 3)
    assert receptive_field(conv, np.int64(9)).input_shape == (1, 3, 9, 9)
    for probe in (cost, trace_shapes, receptive_field, effective, support):
        text = message(probe, conv, torch.rand(1, 3, 9, 9))
        assert text.startswith("input_size is a tensor: give its size")
