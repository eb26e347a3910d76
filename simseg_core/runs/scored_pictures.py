"""Which pictures a run is scored on, and what their masks mean."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from simseg_core.data.files.mask_values import MaskValues
from simseg_core.data.sources import UnnamedClasses, has_parts, open_source
from simseg_core.runs.folder import PICTURES, RUN
from simseg_core.runs.network import Network
from simseg_core.runs.pictures import bytes_of
from simseg_core.runs.plan import Plan
from simseg_core.runs.predict import Predictor

__all__ = ["among", "open_for", "sides_of"]


class _Chosen:
    """Some pairs of a data set, with what it says of them."""

    def __init__(self, pairs: Any, chosen: Sequence[int]) -> None:
        self._pairs, self._chosen = pairs, chosen
        self.classes, self.ignore_index = pairs.classes, pairs.ignore_index
        self.names, self.files = (
            [each[i] for i in chosen] for each in (pairs.names, pairs.files)
        )

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        pair: tuple[Tensor, Tensor] = self._pairs[self._chosen[index]]
        return pair


def open_for(predictor: Predictor, text: str, **options: Any) -> Any:
    """Open a data set to score a network on.

    Args:
        predictor: a folder whose masks nothing names is read as the network's own were.
            So are the names of its masks, and how they lie.
        text: as `simseg_core.data.open_source` takes it.
        **options: as there. Without `part`, the validation part of what has parts. Of
            what has none, `part` takes the pictures that the run trained on, or those
            that it held out.

    Raises:
        FileNotFoundError, ValueError: as `open_source` does; also if none of the
            pictures is of that part.
    """
    part = options.get("part")
    if part is None:
        named = {"part": "val"} if has_parts(text) else {}
        return _open(predictor, text, {**options, **named})
    side = {} if has_parts(text) else sides_of(predictor).get(part, {})
    if not side:
        return _open(predictor, text, options)
    data = _open(predictor, text, {**options, "part": None})
    chosen = among(data, side)
    if not chosen:
        raise ValueError(
            f"none of the pictures in {text} is of the part {part!r} of the run in "
            f"{predictor.folder}, by name and bytes: leave --part out to score all"
        )
    return _Chosen(data, chosen)


def _open(predictor: Predictor, text: str, options: dict[str, Any]) -> Any:
    """Open a data set, whose masks may be those of the run in name and meaning."""
    network, plan = predictor.network, _plan(predictor)
    if plan is not None and text.startswith("folder:"):
        own = {
            name: value
            for name in ("mask_suffix", "mask_orientation")
            if (value := getattr(plan, name)) and name not in options
        }
        if own:
            try:
                return _open_named(network, plan, text, {**own, **options})
            except FileNotFoundError:  # this folder's masks have other names
                pass
    return _open_named(network, plan, text, options)


def _open_named(
    network: Network, plan: Plan | None, text: str, options: Mapping[str, Any]
) -> Any:
    try:
        return open_source(text, **options)
    except UnnamedClasses:
        # Names alone make a table of plain indices. As where they are given, masks of 0
        # and 255 alone are then doubtful, unless the run was told what 255 is.
        told = plan is not None and (plan.mask_values or plan.ignore_index is not None)
        plain = network.mask_values in (None, MaskValues.indices(network.classes))
        if plain and not told:
            return open_source(text, classes=network.classes, **options)
        return open_source(text, mask_values=network.mask_values, **options)


def _plan(predictor: Predictor) -> Plan | None:
    """Read how a run was asked for; None if that is not known."""
    if predictor.folder is None:
        return None
    try:
        return Plan.read(predictor.folder / RUN)
    except (OSError, ValueError):
        return None  # its weights can be scored all the same


def sides_of(predictor: Predictor) -> dict[str, dict[str, int]]:
    """Read the bytes of the pictures on both sides of a run; empty if not known."""
    if predictor.folder is None:
        return {}
    try:
        return dict(json.loads((predictor.folder / PICTURES).read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def among(data: Any, side: Mapping[str, int]) -> list[int]:
    """Find the pictures that stand on a side of a run, by name and bytes."""
    files = getattr(data, "files", ())
    return [
        index
        for index, (name, pair) in enumerate(zip(data.names if files else (), files))
        if side.get(name) == bytes_of(pair)
    ]
