"""Rules of a reader's own: for kernels of torch, and for custom operators."""

import subprocess
import sys
from itertools import product
from unittest.mock import patch

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from simseg_core.probes import (
    UnknownOperationError,
    gradient_support,
    receptive_field,
    rule,
)
from simseg_core.probes.field.arithmetic import taps
from simseg_core.probes.field.rules.registry import RULES, picked
from tests.probes.field.shared import hull

SIZE = (1, 6, 7)


@pytest.fixture(autouse=True)
def _rules_put_back():
    with patch.dict(RULES):
        yield


def assert_agrees_with_the_gradient(model, dims=(2, 3)):
    field = receptive_field(model, SIZE)
    sizes = [field.output.shape[d] for d in dims]
    for index in product(*map(range, sizes)):
        mask = gradient_support(model, SIZE, index, dims=dims)
        assert mask.any(), index
        assert field.box(index, whole=True) == hull(mask), index


# --- kernels of torch -----------------------------------------------------------------


def test_a_roll_by_a_rule_of_the_readers_agrees_with_the_gradient():
    @rule("roll", replace=True)
    def rolled(call):
        (by,), (dim,) = call["shifts"], call["dims"]
        size = call.shape[dim]
        return call.pick(call["self"], dim, (np.arange(size) - by) % size)

    conv = nn.Conv2d(1, 2, 3, padding=1)
    assert_agrees_with_the_gradient(lambda x: conv(x).roll(2, 2))
    assert RULES["roll"] is rolled


def turned(x):
    return torch.rot90(F.max_pool2d(x, 2, 1), 2, (2, 3))


def test_a_kernel_without_a_rule_is_refused_by_name_and_then_follows_one():
    with pytest.raises(UnknownOperationError, match=r'probes\.rule\("rot90"\)'):
        receptive_field(turned, SIZE)

    @rule("aten::rot90")
    def half_turn(call):
        assert call["k"] == 2
        field = call.field(call["self"])
        for dim in call["dims"]:
            field = picked(field, dim, np.arange(call.shape[dim])[::-1])
        return field

    assert_agrees_with_the_gradient(turned)


# --- custom operators -----------------------------------------------------------------


@torch.library.custom_op("simseg_tests::smooth", mutates_args=())
def smooth(image: torch.Tensor, width: int) -> torch.Tensor:
    return F.avg_pool2d(image, (1, width), (1, 2))


@smooth.register_fake
def _(image, width):
    return F.avg_pool2d(image, (1, width), (1, 2))


def keep_shape(ctx, inputs, output):
    ctx.shape, ctx.width = inputs[0].shape, inputs[1]


def smooth_backward(ctx, grad):
    image = torch.zeros(ctx.shape, dtype=grad.dtype, requires_grad=True)
    with torch.enable_grad():
        out = F.avg_pool2d(image, (1, ctx.width), (1, 2))
    return torch.autograd.grad(out, image, grad)[0], None


smooth.register_autograd(smooth_backward, setup_context=keep_shape)


@torch.library.custom_op(
    "simseg_tests::clone", mutates_args=(), tags=(torch.Tag.pointwise,)
)
def elementwise(image: torch.Tensor, by: float) -> torch.Tensor:
    return image * by


@elementwise.register_fake
def _(image, by):
    return torch.empty_like(image)


@torch.library.custom_op("simseg_tests::detach", mutates_args=())
def untagged(image: torch.Tensor) -> torch.Tensor:
    return image.flip(2)


@untagged.register_fake
def _(image):
    return torch.empty_like(image)


conv = nn.Conv2d(1, 1, 3, padding=1)


def smoothed(x):
    return conv(smooth(conv(x), 3))


def test_a_custom_operator_with_a_rule_agrees_with_the_gradient():
    @rule("simseg_tests::smooth")
    def smooth_field(call):
        image, (_, _, _, size_out) = call["image"], call.shape
        window = taps.convolution(
            image.shape[3],
            size_out,
            kernel=call["width"],
            stride=2,
            padding=0,
            dilation=1,
        )
        return call.move(image, {-1: window})

    field = receptive_field(smoothed, SIZE)
    assert field.size == (5, 9)
    assert (field.rows.stride, field.columns.stride) == (1, 2)
    assert_agrees_with_the_gradient(smoothed)


def test_a_custom_operator_without_a_rule_is_refused_with_the_name_to_register():
    words = r'simseg_tests::smooth.* no rule.*probes\.rule\("simseg_tests::smooth"\)'
    with pytest.raises(UnknownOperationError, match=words):
        receptive_field(smoothed, SIZE)


def test_a_custom_operator_is_pointwise_by_its_tag_and_not_by_a_name_of_torchs():
    field = receptive_field(lambda x: elementwise(conv(x), 2.0), SIZE)
    assert field.size == (3, 3)
    with pytest.raises(UnknownOperationError, match="simseg_tests::detach"):
        receptive_field(lambda x: untagged(conv(x)), SIZE)


# --- names ----------------------------------------------------------------------------


def test_a_rule_is_not_replaced_by_accident():
    house = RULES["flip"]
    with pytest.raises(ValueError, match=r"'flip' has a rule already.*replace=True"):

        @rule("simseg_tests::free", "aten::flip")
        def mine(call):
            return call.field(call["self"])

    assert RULES["flip"] is house
    assert "simseg_tests::free" not in RULES
    assert rule("flip", replace=True)(house) is house


def test_a_cell_that_runs_again_registers_its_rule_again():
    cell = '@rule("simseg_tests::cell")\ndef mine(call):\n    return call.field("x")\n'
    for _ in range(2):
        names = {"rule": rule, "__name__": "__main__"}
        exec(cell, names)
        assert RULES["simseg_tests::cell"] is names["mine"]
    with pytest.raises(ValueError, match=r"__main__\.mine"):
        rule("simseg_tests::cell")(lambda call: call.field("x"))


def test_a_rule_without_a_name_is_refused():
    with pytest.raises(ValueError, match="kernel's name"):
        rule()
    with pytest.raises(ValueError, match="kernel's name"):

        @rule
        def mine(call):
            return call.field(call["self"])


def test_the_rules_of_the_house_are_there_before_the_readers():
    code = "from simseg_core.probes import rule; rule('roll')(lambda call: None)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "'roll' has a rule already" in done.stderr


# --- faults in a rule -----------------------------------------------------------------


def test_a_fault_in_a_rule_is_named_with_its_kernel():
    @rule("simseg_tests::smooth")
    def misnamed(call):
        return call.field(call["x"])

    words = r"simseg_tests::smooth .*its rule raised KeyError: .*it has image, width"
    with pytest.raises(UnknownOperationError, match=words):
        receptive_field(smoothed, SIZE)


@pytest.mark.parametrize("made", [None, 3, [((), ())] * 2])
def test_a_rule_that_returns_no_field_is_refused(made):
    rule("simseg_tests::smooth")(lambda call: made)
    with pytest.raises(UnknownOperationError, match="returns a field, made by the"):
        receptive_field(smoothed, SIZE)
