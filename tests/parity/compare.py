"""What parity tests do: draw every weight at random, compare outputs and gradients."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


def shaken(model: nn.Module) -> nn.Module:
    """Draw biases and BatchNorm's weights and statistics, in float64, in eval mode.

    At their usual first values (0 and 1) they would hide a bias that is left out, a
    BatchNorm in the wrong place and a wrong epsilon.
    """
    model = model.double().eval()
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1 and name.endswith("weight"):
            nn.init.uniform_(parameter, 0.5, 1.5)
        elif parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.2)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.2)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return model


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    """Require equality to 1e-9 of the largest value."""
    largest = theirs.abs().max().item()
    assert largest > 1e-12, "nothing to compare"
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9 * largest)


def gradients(
    network: Callable[[Tensor], Tensor], x: Tensor, weights: Iterable[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Return the output, and a fixed weighting's gradient to the input and weights."""
    x = x.clone().requires_grad_()
    y = network(x)
    upstream = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).cos().view_as(y)
    return y, list(torch.autograd.grad((y * upstream).sum(), [x, *weights]))


def assert_same_function(
    ours: tuple[Tensor, list[Tensor]], theirs: tuple[Tensor, list[Tensor]]
) -> None:
    """Require equal outputs and equal gradients, as `gradients` returns them."""
    assert_close(ours[0], theirs[0])
    assert len(ours[1]) == len(theirs[1])
    for our_gradient, their_gradient in zip(ours[1], theirs[1]):
        assert_close(our_gradient, their_gradient)
