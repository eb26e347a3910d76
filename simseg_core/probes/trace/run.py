"""Run a network once under a listener, and leave it exactly as it was.

With no device named, nothing is computed: torch's fake tensors carry shapes alone, so
that a network of any size is traced in seconds and no weight is copied. A network that
looks at numbers (`if x.max() > 0`) cannot run so; it is run with real ones instead.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from simseg_core.probes.running.fake import fake_tensors, home, refuse_lazy
from simseg_core.probes.running.refusal import (
    TENSOR_AS_SIZE,
    layer_of,
    refuse_class,
    title_of,
)
from simseg_core.probes.running.tensors import tensors_in
from simseg_core.probes.running.unchanged import unchanged
from simseg_core.probes.running.writes import written_back
from simseg_core.probes.trace.listener import Listener

__all__ = ["listen"]

Sizes = Sequence[int] | Sequence[Sequence[int]]


def listen(
    model: Callable[..., Any],
    input_size: Sizes | None,
    inputs: Any,
    device: str | torch.device | None,
) -> tuple[Listener, list[int]]:
    """Run `model` once; return what was heard and the calls that made its output.

    Raises:
        TypeError: `model` cannot be called, or the input is no size and no tensor.
        ValueError: the sizes are wrong, or the model refused the input.
    """
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    refuse_class(model)
    if not callable(model):
        raise TypeError(
            f"model must be an nn.Module or a function, not {type(model).__name__}"
        )
    refuse_lazy(model)
    place, dtype = home(model)
    if device is not None and torch.device(device).type != place.type:
        if isinstance(model, nn.Module) and any(True for _ in model.parameters()):
            raise ValueError(
                f"the model is on {place.type}, not on {torch.device(device).type}: "
                f"call model.to({str(device)!r}) first, or leave device=None"
            )
        place = torch.device(device)
    _check(input_size, inputs)
    sizes = _sizes(input_size) if input_size is not None else None

    def make(
        copy: Callable[[Tensor], Tensor],
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if sizes:
            return tuple(torch.rand(s, device=place, dtype=dtype) for s in sizes), {}
        if isinstance(inputs, Mapping):
            return (), _map(copy, dict(inputs))
        several = isinstance(inputs, tuple | list)
        return _map(copy, tuple(inputs) if several else (inputs,)), {}

    if device is None and place.type != "meta":
        try:
            return _run(model, make, fake=True)
        except Exception:
            pass  # it needs numbers, or refuses the input and will say so again
    try:
        return _run(model, make, fake=False)
    except Exception as error:
        shapes = sizes or [tuple(tensor.shape) for tensor in tensors_in(inputs)]
        raise ValueError(
            f"{title_of(model)} cannot run on input of shape "
            f"{', '.join(map(str, shapes))}: "
            + f"{type(error).__name__}: {error}".rstrip(". ")
            + f"{layer_of(error, model)}. "
            "Sizes are (B, C, H, W) with the batch first; pass real tensors by "
            "inputs=(...) or inputs={...}."
        ) from error


def _run(
    model: Callable[..., Any], make: Callable[..., Any], fake: bool
) -> tuple[Listener, list[int]]:
    modules = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
    stages = {id(module): path for path, module in modules.items()}
    with ExitStack() as stack:
        stack.enter_context(unchanged(model))
        stack.enter_context(torch.no_grad())
        fakes = stack.enter_context(fake_tensors()) if fake else None
        if not fake:
            stack.enter_context(written_back())
        listener = Listener(stages, title_of(model), fakes)
        args, kwargs = make(fakes.from_tensor if fakes else torch.clone)
        names = map(str, range(len(args))) if len(args) > 1 else [""]
        for name, value in chain(zip(names, args), kwargs.items()):
            for tensor in tensors_in(value):
                listener.add_input(tensor, name)
        with listener:
            out = model(*args, **kwargs)
        sources = (listener.source(tensor) for tensor in tensors_in(out))
        return listener, sorted({s for s in sources if s is not None})


def _check(input_size: Sizes | None, inputs: Any) -> None:
    if (input_size is None) == (inputs is None):
        raise ValueError("give input_size=(B, C, H, W) or inputs=..., one of the two")
    if inputs is not None and not any(True for _ in tensors_in(inputs)):
        raise TypeError(
            "inputs holds no tensor: pass a tensor, a tuple of positional arguments "
            f"or a dictionary of named ones, not {type(inputs).__name__}"
        )


def _sizes(input_size: Sizes) -> list[tuple[int, ...]]:
    if isinstance(input_size, Tensor):
        raise ValueError(TENSOR_AS_SIZE)
    given: Any = input_size if isinstance(input_size, Sequence) else (input_size,)
    nested = len(given) > 0 and all(isinstance(size, Sequence) for size in given)
    sizes = given if nested else [given]
    for size in sizes:
        if not size or not all(map(_counts, size)):
            raise ValueError(
                f"input_size {input_size!r} is not a size: give positive whole "
                "numbers, (B, C, H, W), or several such tuples for several inputs"
            )
    return [tuple(map(int, size)) for size in sizes]


def _counts(n: Any) -> bool:
    """Whether something is a positive whole number, numpy's too, and no truth value."""
    return isinstance(n, Integral) and not isinstance(n, bool) and int(n) > 0


def _map(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Apply `function` to each tensor in nested tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, dict):
        return {key: _map(function, item) for key, item in value.items()}
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return type(value)(_map(function, item) for item in value)
    return value
