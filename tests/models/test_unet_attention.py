"""U-Nets with a block after every stage: where it stands, and what it costs."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from simseg_core import create_model
from simseg_core.models.cbam import CBAM
from simseg_core.models.unet_attention import SpatialChannelAttention
from tests.models.counting import parameters

BLOCKS = {"unet_attention": SpatialChannelAttention, "unet_cbam": CBAM}
PAPER_WIDTHS = [64, 128, 256, 512, 1024, 512, 256, 128, 64]


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_ends_each_of_the_nine_stages(name):
    model = create_model(name, preset="tiny")
    stages = [*model.contract, *model.expand]
    assert len(stages) == 9
    assert all(isinstance(stage[-1], BLOCKS[name]) for stage in stages)
    assert sum(isinstance(m, BLOCKS[name]) for m in model.modules()) == 9


def test_attention_is_what_the_padded_unet_gains():
    """Queries, keys and gamma; a gate's MLP of two matrices. At all nine widths."""
    gained = sum(2 * (C + 1) * (C // 8) + 1 + 2 * C * (C // 8) for C in PAPER_WIDTHS)
    with torch.device("meta"):
        without = parameters(create_model("unet_padded"))
        assert parameters(create_model("unet_attention")) == without + gained


def test_cbam_is_what_the_padded_unet_gains():
    gained = sum(2 * C * (C // 16) + C // 16 + C + 98 + 2 for C in PAPER_WIDTHS)
    with torch.device("meta"):
        without = parameters(create_model("unet_padded"))
        assert parameters(create_model("unet_cbam")) == without + gained


@pytest.mark.parametrize("name", BLOCKS)
def test_skips_carry_what_the_block_returns(name):
    """A block that returns zeros leaves the stage below, and the logits, no image."""
    model = create_model(name, preset="tiny").eval()
    one, other = torch.randn(2, 1, 3, 32, 48)
    assert not torch.allclose(model(one), model(other))
    model.contract[0][-1].register_forward_hook(lambda *args: torch.zeros_like(args[2]))
    assert torch.equal(model(one), model(other))


@pytest.mark.parametrize("name", BLOCKS)
def test_gradient_reaches_every_parameter(name):
    """Every one but the keys' biases, which drop out of the softmax."""
    model = create_model(name, preset="tiny").double()
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.endswith("gamma"):
            nn.init.constant_(parameter, 0.5)
    y = model(torch.randn(2, 3, 32, 48).double())
    (y * torch.randn_like(y)).sum().backward()
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.endswith("key.bias"):
            continue
        assert parameter.grad.abs().max() > 1e-9, parameter_name


def test_attention_refuses_a_width_that_eight_does_not_divide():
    with pytest.raises(ValueError, match=r"channels=12 .* take 16 channels"):
        create_model("unet_attention", widths=(8, 12))


PEAK = r"""
import pathlib, re, resource, sys, torch
from simseg_core import create_model
model = create_model("unet_attention", widths=(16, 16, 24, 32, 48)).eval()
with torch.inference_mode():
    assert model(torch.randn(1, 3, 192, 192)).shape == (1, 21, 192, 192)
if sys.platform == "darwin":  # in bytes
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
else:  # ru_maxrss would count what the process was that started this one
    status = pathlib.Path("/proc/self/status").read_text()
    print(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
"""


def test_attention_at_192_by_192_fits_in_2_gib():
    """The whole process; one map of 36,864 x 36,864 weights would take 5 GiB."""
    run = subprocess.run(
        [sys.executable, "-c", PEAK], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) * 1024 < 2 * 2**30
