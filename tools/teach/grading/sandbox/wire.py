"""What goes over the pipe: a message of JSON, and its tensors as safetensors.

Neither can hold code, so what a student's process sends can be read without running it.

>>> import torch
>>> read = unpack(pack({"size": (2, 3), "map": torch.ones(2)}))
>>> read["size"], read["map"]
((2, 3), tensor([1., 1.]))
"""

import json
import struct
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

LENGTHS = struct.Struct("<QQ")  # of the JSON and of the tensors
LARGEST = 256 * 2**20  # bytes of one message
LONGEST = 100_000  # items of a generator
TEXT = 16 * 2**20  # bytes of its JSON: objects in memory are 20 times as large
KEYS = 10_000  # of a dictionary: chosen with care, each collides with all others


class Malformed(ValueError):
    """What came over the pipe is no message."""


class Foreign:
    """Stands for an object that stays where it is, and for what it was called there."""

    def __init__(self, shown: str) -> None:
        self.shown = shown

    def __repr__(self) -> str:
        return self.shown


class Held:
    """Stands for a module or function inside the sandbox.

    Attributes:
        handle: Its number there.
        kind: What kind of object it is, by its class's name.
        state: Of a module: its tensors by name, and what each is; None of a function.
    """

    def __init__(self, handle: int, kind: str, state: dict[str, Any] | None) -> None:
        self.handle, self.kind, self.state = handle, kind, state


Keep = Callable[[Any], Any]


def pack(message: dict[str, Any], keep: Keep | None = None) -> bytes:
    """Turn a message into bytes.

    Args:
        message: Numbers, texts, tensors, arrays, lists, tuples, dictionaries.
        keep: Turns any other object into a `Held`, or gives it back to be named only.
    """
    tensors: dict[str, Tensor] = {}
    head = json.dumps(_encode(message, tensors, keep)).encode()
    body = save(tensors) if tensors else b""
    return LENGTHS.pack(len(head), len(body)) + head + body


def unpack(data: bytes) -> dict[str, Any]:
    """Read a message from bytes.

    Raises:
        Malformed: They are none.
    """
    try:
        size, _ = LENGTHS.unpack_from(data)
        if size > TEXT:
            raise Malformed(f"numbers and texts of {size:,} bytes")
        head = data[LENGTHS.size : LENGTHS.size + size]
        body = data[LENGTHS.size + size :]
        message = _decode(json.loads(head), load(body) if body else {})
    except (Exception, RecursionError) as error:
        raise Malformed(f"{type(error).__name__}: {error}") from error
    if not isinstance(message, dict):
        raise Malformed("a message is a dictionary")
    return message


def _encode(value: Any, tensors: dict[str, Tensor], keep: Keep | None) -> Any:
    def inner(item: Any) -> Any:
        return _encode(item, tensors, keep)

    def store(tensor: Tensor) -> str:
        if tensor.numel() * tensor.element_size() > LARGEST // 2:
            raise Malformed(f"{tuple(tensor.shape)} is too large to be handed over")
        key = str(len(tensors))
        tensors[key] = tensor.detach().cpu().as_subclass(Tensor).contiguous().clone()
        return key

    if value is None or isinstance(value, bool | int | float | str):
        # A subclass may be anything: only the plain value goes over.
        for plain in (bool, int, float, str):
            if isinstance(value, plain):
                return plain(value)
        return None
    if isinstance(value, Tensor) and _has_numbers(value):
        return {"tensor": store(value), "grad": bool(value.requires_grad)}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
        return {"array": store(torch.as_tensor(np.array(value))), "axes": value.ndim}
    if isinstance(value, tuple):  # torch.Size as well
        return {"tuple": [inner(item) for item in value]}
    if isinstance(value, list):
        return [inner(item) for item in value]
    if isinstance(value, dict):
        return {"dict": [[inner(k), inner(v)] for k, v in value.items()]}
    if isinstance(value, Iterator):
        return {"iterator": [inner(item) for item in islice(value, LONGEST)]}
    kept = keep(value) if keep else value
    if isinstance(kept, Held):
        return {"held": kept.handle, "kind": kept.kind, "state": inner(kept.state)}
    return {"foreign": type(value).__name__, "shown": repr(value)[:120]}


def _has_numbers(tensor: Tensor) -> bool:
    dense = tensor.layout is torch.strided and not tensor.is_meta
    return dense and not tensor.is_complex() and not tensor.is_quantized


def _decode(item: Any, tensors: dict[str, Tensor]) -> Any:
    def inner(part: Any) -> Any:
        return _decode(part, tensors)

    if isinstance(item, list):
        return [inner(part) for part in item]
    if not isinstance(item, dict):
        return item
    if "tensor" in item:
        tensor = tensors[item["tensor"]]
        return tensor.requires_grad_() if item["grad"] else tensor
    if "array" in item:
        array = tensors[item["array"]].numpy()
        return array[()] if item["axes"] == 0 else array
    if "tuple" in item:
        return tuple(inner(part) for part in item["tuple"])
    if "dict" in item:
        if len(item["dict"]) > KEYS:
            raise Malformed(f"a dictionary of {len(item['dict']):,}")
        return {inner(key): inner(value) for key, value in item["dict"]}
    if "iterator" in item:
        return iter([inner(part) for part in item["iterator"]])
    if "held" in item:
        return Held(int(item["held"]), str(item["kind"]), inner(item["state"]))
    kind = str(item["foreign"])
    named = type(kind if kind.isidentifier() else "object", (Foreign,), {})
    return named(str(item["shown"]))
