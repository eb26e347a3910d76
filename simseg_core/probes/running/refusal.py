"""Say why a network cannot run: which layer refused what, and what it was given."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from traceback import walk_tb
from typing import Any

from torch import nn

from simseg_core.probes.running.tensors import shapes_of, tensors_in
from simseg_core.tables.units import times

__all__ = [
    "PLAIN_OPERATIONS",
    "TENSOR_AS_SIZE",
    "VOLUMES",
    "RefusedInputError",
    "layer_of",
    "no_tensor",
    "refuse_class",
    "refused_image",
    "refusing",
    "title_of",
]


class RefusedInputError(ValueError, RuntimeError):
    """A network cannot run on what it is given; torch's own error is its cause.

    A `ValueError`, since the input is to be changed, and still the `RuntimeError` that
    torch raises for most of them.
    """


def layer_of(error: BaseException, model: Any) -> str:
    """Name the innermost layer that an error came from, and the shapes it was given.

    Args:
        error: as it was caught.
        model: the network or function that ran.

    Returns:
        Text to put behind the error's own; empty where no layer within the network was
        running.
    """
    module, given = _innermost(error)
    if module is None or module is model:
        return ""
    known = model.named_modules() if isinstance(model, nn.Module) else ()
    path = next((path for path, inner in known if inner is module), "")
    kind = type(module).__name__
    layer = f"'{path}' ({kind})" if path else f"a {kind}"
    try:
        shapes = " and ".join(map(times, shapes_of(given)))
    except Exception:  # what it was given can tell no shape
        shapes = ""
    return f", in layer {layer}" + (f", which was given {shapes}" if shapes else "")


def _innermost(error: BaseException) -> tuple[nn.Module | None, Any]:
    """Find the last module that was running, and its arguments."""
    call = nn.Module._call_impl.__code__
    module, given = None, None
    for frame, _ in walk_tb(error.__traceback__):
        if frame.f_code is call:
            inside = frame.f_locals
            module, given = inside["self"], (inside["args"], inside["kwargs"])
    return module, given


def refused_image(
    model: Any, name: str, shape: tuple[int, ...], error: Exception
) -> RefusedInputError:
    """Tell that a network cannot run on one image, and what might help."""
    text = f"{type(error).__name__}: {error}".rstrip(". ")
    return RefusedInputError(
        f"{name} cannot run on an image of {times(shape)}: {text}"
        f"{layer_of(error, model)}{_hint(error)}"
    )


@contextmanager
def refusing(model: Any, name: str, shape: tuple[int, ...]) -> Iterator[None]:
    """Tell what a network raises here as its refusal of an image.

    Raises:
        RefusedInputError: if anything is raised; its cause is what was.
    """
    try:
        yield
    except Exception as error:
        raise refused_image(model, name, shape, error) from error


def _hint(error: Exception) -> str:
    files = [
        Path(frame.f_code.co_filename) for frame, _ in walk_tb(error.__traceback__)
    ]
    operators = [
        file.stem
        for file in files
        if file.parent.name == "_higher_order_ops" and file.stem != "utils"
    ]
    if operators:
        return f". {operators[-1]} runs functions of its own: {PLAIN_OPERATIONS}"
    missing = any(part in str(error) for part in ("argument", "NoneType"))
    if isinstance(error, TypeError) and missing:
        return (
            ". A network of several inputs is given as a function of its image: "
            "lambda image: net(image, other)"
        )
    module, given = _innermost(error)
    kind = type(module).__name__
    if module is None or not any(t.ndim == 4 for t in tensors_in(given)):
        return ""
    if isinstance(module, nn.RNNBase):
        turned = ".mT" if module.batch_first else ".permute(2, 0, 1)"
        return f". {kind}: {_SEQUENCES.replace('0])', f'0]{turned})')}"
    return {"1d": f". {kind}: {_SEQUENCES}", "3d": f". {kind}: {VOLUMES}"}.get(
        kind[-2:], ""
    )


PLAIN_OPERATIONS = (
    "write it with plain operations (a Python `if` or loop, "
    "F.scaled_dot_product_attention), or probe the part of the network before it"
)
TENSOR_AS_SIZE = (
    "input_size is a tensor: give its size, tuple(image.shape), or, where the probe "
    "takes it, the tensor by inputs=image"
)
_SEQUENCES = (
    "a field is followed through images; make a sequence an image of one row: "
    "receptive_field(lambda image: net(image[:, :, 0]), (C, 1, length)).columns"
)
VOLUMES = (
    "a field is followed through images; make a volume of one: "
    "receptive_field(lambda image: net(image[:, :, None].expand(-1, -1, depth, -1, -1))"
    ", (C, H, W))"
)


def no_tensor(value: Any) -> str:
    """Say that a result holds no tensor where one is looked for."""
    what = "None" if value is None else f"an object of type {type(value).__name__}"
    return (
        f"the network returned {what}, in which no tensor is found: probe a function "
        "that takes it out, lambda image: net(image).logits, or return a tensor, "
        "a list, a dictionary or a dataclass"
    )


def refuse_class(model: Any) -> None:
    """Refuse a class in place of a network: called, it would only be made.

    Raises:
        TypeError: if it is one.
    """
    if isinstance(model, type):
        raise TypeError(
            f"model is the class {model.__name__}, not a network: make one first, "
            f"{model.__name__}(...)"
        )


def title_of(model: Any) -> str:
    """Name a network by its class, a function by its name."""
    if isinstance(model, nn.Module):
        return type(model).__name__
    while isinstance(model, partial):
        model = model.func
    return str(getattr(model, "__name__", type(model).__name__))
