"""What checks ask of a reader's module: its numbers, its paths, its logits."""

import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from simseg_core.exercises.bench.steps import NotYet, Steps, same

Filled = TypeVar("Filled", bound=nn.Module)


def count_weights(module: nn.Module) -> int:
    """Count a module's parameters."""
    return sum(p.numel() for p in module.parameters())


def fill(module: Filled) -> Filled:
    """Give a module random weights and statistics that follow from their names alone.

    Tensors of one shape and last name (`weight`, `running_var`, ...) get the same
    values, so that two modules which define their layers in another order, or under
    other names, can be compared without knowing which layer is which. A kernel of
    whatever name counts as a weight.

    Args:
        module: The module to fill, in place; it is put into evaluation mode.

    Returns:
        The module.
    """
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if not tensor.is_floating_point():
                continue
            leaf = name.rpartition(".")[2]
            if tensor.dim() > 1 and leaf != "bias":
                leaf = "weight"
            seed = zlib.crc32(f"{leaf} {tuple(tensor.shape)}".encode())
            noise = torch.randn(
                tensor.shape, generator=torch.Generator().manual_seed(seed)
            )
            fan_in = max(1, tensor[0].numel()) if tensor.dim() > 1 else 1
            scaled = noise * (2.0 / fan_in) ** 0.5
            positive = leaf == "running_var" or (tensor.dim() == 1 and leaf == "weight")
            tensor.copy_(scaled.abs() + 0.5 if positive else scaled)
    return module.eval()


def require_other_sizes(
    steps: Steps,
    answer: Callable[..., Any],
    reference: nn.Module,
    wanted: Tensor,
    *inputs: Tensor,
    named: str,
    sizes: tuple[Any, ...],
) -> None:
    """Require a class that was right once to be right for other sizes as well.

    Args:
        steps: The steps of the check.
        answer: The reader's class.
        reference: The reference of these sizes, for its number of weights.
        wanted: What it makes of the inputs.
        *inputs: What the reader's module is called with.
        named: The call of the class as hints name it.
        sizes: What the class is called with.
    """
    text = "Is a number written into the class that is an argument, or the input's own?"
    try:
        mine = fill(steps.build(answer, *sizes, named=named))
        got = steps.call(mine, *inputs, named=f"{named} on a batch of {len(inputs[0])}")
    except NotYet as error:
        raise NotYet(f"{error}. {text}") from None
    steps.require(
        count_weights(mine) == count_weights(reference) and same(got, wanted),
        "other sizes",
        hint=f"Right so far, but not {named} on a batch of {len(inputs[0])}. {text}",
    )


class _Blind(TorchDispatchMode):
    """Replaces what any operation returns by a constant where it is a small map."""

    def __init__(self, area: int, pixels: int) -> None:
        super().__init__()
        self.area, self.pixels = area, pixels

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run the operation; half a gate stays open, whatever the image."""
        result = func(*args, **(kwargs or {}))
        return tree_map_only(
            Tensor,
            lambda t: torch.full_like(t, 0.5) if self._is_small(t) else t,
            result,
        )

    def _is_small(self, t: Tensor) -> bool:
        if not t.is_floating_point():
            return False
        # A list of positions may have four axes too, (B, N, heads, d): no small map.
        if t.ndim == 4 and t.shape[1] < self.pixels:
            return t.shape[2] * t.shape[3] < self.area
        return t.numel() < self.area


def sees_without_small_maps(model: nn.Module, x: Tensor, area: int) -> bool:
    """Say whether logits still depend on the image when small maps tell nothing.

    A sum or concatenation at full size is no proof of a path there: a residual stage
    adds there too, with nothing but the map from below to add.

    Args:
        model: The network; its weights are filled anew, since one that starts at 0
            would cut its path.
        x: An image, (1, C, H, W).
        area: A map of fewer positions than this is set to a constant, so that it may
            still scale other maps but carries nothing.
    """
    fill(model)
    other = torch.randn_like(x)
    with torch.no_grad(), _Blind(area, x.shape[-2] * x.shape[-1]):
        one, two = model(x), model(other)
    return not torch.equal(one, two)


def make_network(answer: Any, steps: Steps, named: str) -> nn.Module:
    """Call the reader's function for the network that it returns."""
    if isinstance(answer, nn.Module):
        raise NotYet(
            "That is the network already. Hand over the function that makes it, "
            "without calling it."
        )
    model = steps.call(answer, named=named)
    steps.require(
        isinstance(model, nn.Module),
        "a network",
        hint="Return an nn.Module: your own, or one made by create_model.",
    )
    return model.eval()


def require_logits(logits: object, wanted: tuple[int, ...], steps: Steps) -> None:
    """Require scores of six classes for each pixel, and no probabilities."""
    size = f"{wanted[2]}x{wanted[3]}"
    shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    steps.require(
        shape == wanted,
        f"6 logits for each of {size} pixels",
        hint=f"Wanted logits of {wanted}: six classes, at the image's own size. "
        f"Got {shape}.",
    )
    total = logits.sum(dim=1) if isinstance(logits, Tensor) else torch.zeros(1)
    if torch.allclose(total, torch.ones_like(total), atol=1e-4):
        raise NotYet(
            "Those are probabilities, which sum to 1 at each pixel. The loss takes "
            "logits: leave the softmax to it."
        )
