"""What a network is given and returns: the tensors in it, their shapes and bytes."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "Shape",
    "bytes_of",
    "memory_of",
    "shape_of",
    "shapes_of",
    "tensors_in",
    "version_of",
]

Shape = tuple[int, ...]


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested tuples, lists, mappings and dataclasses, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for entry in fields(value):
            yield from tensors_in(getattr(value, entry.name))


def shapes_of(value: Any) -> list[Shape]:
    """List the shapes of the tensors in `value`."""
    return [shape_of(tensor) for tensor in tensors_in(value)]


def shape_of(tensor: Tensor) -> Shape:
    """Tell a tensor's shape.

    Raises:
        ValueError: if it is nested in the layout that has none.
    """
    if tensor.is_nested and tensor.layout == torch.strided:
        raise ValueError(
            "a nested tensor of this layout tells no shape: make it with "
            "layout=torch.jagged"
        )
    return tuple(tensor.shape)


def bytes_of(value: Any) -> int:
    """Sum the bytes of the tensors in `value`."""
    return sum(t.numel() * t.element_size() for t in tensors_in(value))


def memory_of(tensor: Tensor) -> int:
    """Name the memory behind a tensor; views of each other share it."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except NotImplementedError:  # sparse and other tensors without one storage
        return id(tensor)


def version_of(tensor: Tensor) -> int:
    """Tell how often a tensor was written; those of inference mode do not count it."""
    return 0 if tensor.is_inference() else int(tensor._version)
