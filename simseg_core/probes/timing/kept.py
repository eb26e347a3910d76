"""Results kept as JSON: written whole, and refused when they come back otherwise."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, get_args, get_origin, get_type_hints

from simseg_core.atomic import replacing

__all__ = ["Kept", "read_json", "write_json"]

_Result = TypeVar("_Result")


class Kept:
    """A dataclass that a JSON file holds by its fields' names.

    Its fields hold plain values, other kept dataclasses, and tuples and mappings of
    these. A subclass gives `kind`, what its errors call it.
    """

    kind: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, ready for JSON."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild what `to_dict` gave; fields that have a default may be missing.

        Raises:
            ValueError: naming the fields that are missing, or hold no such value.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"this is no {cls.kind}: {type(values).__name__}, no {{}}")
        missing = [
            field.name
            for field in fields(cls)
            if field.name not in values and field.default is MISSING
        ]
        if missing:
            raise ValueError(f"this is no {cls.kind}: it lacks {', '.join(missing)}")
        hints = get_type_hints(cls)
        given = [field.name for field in fields(cls) if field.name in values]
        found = cls(**{name: _rebuilt(hints[name], values[name]) for name in given})
        found._check()
        return found

    def _check(self) -> None:
        """Refuse, with a ValueError, values that no file may hold."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write JSON that `load` reads; the file is whole or not there."""
        write_json(self.to_dict(), path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: if the file does not hold it whole; the error names the file.
        """
        return read_json(path, cls.from_dict)


def _plain(value: Any) -> Any:
    if isinstance(value, Kept):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _rebuilt(hint: Any, value: Any) -> Any:
    """Make of JSON's lists and objects what a field's type says; else leave a value."""
    kind, inside = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Kept):
        return hint.from_dict(value)
    if kind is tuple and isinstance(value, list):
        return tuple(_rebuilt(inside[0], one) for one in value)
    if kind is Mapping:
        if not isinstance(value, Mapping):
            raise ValueError(f"expected names with values, got {value!r:.40}")
        return {name: _named(name, inside[1], one) for name, one in value.items()}
    return value


def _named(name: str, hint: Any, value: Any) -> Any:
    """Rebuild a mapping's value; the error says which one it was."""
    try:
        return _rebuilt(hint, value)
    except (ValueError, TypeError) as error:
        what = f"{hint.kind} {name!r}" if hasattr(hint, "kind") else repr(name)
        raise ValueError(f"{what}: {error}") from error


def read_json(path: str | os.PathLike[str], build: Callable[[Any], _Result]) -> _Result:
    """Build a result from a JSON file.

    Raises:
        ValueError: if the file is cut off or `build` refuses it; the error names it.
    """
    text = Path(path).read_text("utf-8")
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"{os.fspath(path)} is no whole JSON file ({error}): copy it again from "
            "where it was written"
        ) from error
    try:
        return build(values)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def write_json(values: Any, path: str | os.PathLike[str]) -> None:
    """Write JSON beside its place, then move it there: never half a file."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as beside:
        beside.write_text(json.dumps(values, indent=2) + "\n", "utf-8")
