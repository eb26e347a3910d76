"""What the pictures of gates show, as numbers and as alt texts."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

__all__ = [
    "Gates",
    "channel_gates_alt_text",
    "channel_tables",
    "check_maps",
    "contrast",
    "spatial_gates_alt_text",
]

Gates = Mapping[str, Mapping[str, Tensor]]
Array = NDArray[np.float64]


def channel_gates_alt_text(panels: Mapping[str, Mapping[str, Array]]) -> str:
    """Say of each panel of tables how far its gates range and its two groups differ.

    >>> channel_gates_alt_text({"fresh": {"all": np.array([[0.25, 0.5]])}})
    'Gates of 2 channels. Fresh: all 0.25 to 0.50.'
    """
    count = next(iter(next(iter(panels.values())).values())).shape[1]
    sentences = [f"Gates of {count} channels."]
    for name, values in panels.items():
        ranges = ", ".join(
            f"{group} {table.min():.2f} to {table.max():.2f}"
            for group, table in values.items()
        )
        apart = ""
        if len(values) == 2:
            first, second = values
            differ = contrast(values)
            apart = (
                f"; the means differ by up to {np.abs(differ).max():.2f}, and by over "
                f"0.5 they are higher for {first} in {(differ > 0.5).sum()} channels, "
                f"for {second} in {(differ < -0.5).sum()}"
            )
        sentences.append(f"{name[:1].upper()}{name[1:]}: {ranges}{apart}.")
    return " ".join(sentences)


def spatial_gates_alt_text(
    gates: Mapping[str, Tensor], labels: Tensor | None = None
) -> str:
    """Say of each gate how far it ranges, and its mean on and off what is labelled.

    >>> import torch
    >>> spatial_gates_alt_text({"fresh": torch.ones(1, 1, 2, 2)})
    '1 image beside its gates of 2 by 2 cells. Fresh: 1.00 to 1.00.'
    """
    count, _, rows, columns = next(iter(gates.values())).shape
    plural = "image beside its" if count == 1 else "images beside their"
    sentences = [f"{count} {plural} gates of {rows} by {columns} cells."]
    for name, gate in gates.items():
        said = f"{gate.min():.2f} to {gate.max():.2f}"
        if labels is not None:
            inside = labels.cpu() != 0
            spread = interpolate(gate.detach().cpu(), inside.shape[1:])[:, 0]
            on, off = spread[inside].mean(), spread[~inside].mean()
            said += f", mean {on:.2f} on what is outlined and {off:.2f} elsewhere"
        sentences.append(f"{name[:1].upper()}{name[1:]}: {said}.")
    return " ".join(sentences)


def channel_tables(gates: Gates) -> dict[str, dict[str, Array]]:
    """Give every panel's groups as tables (B, C), checked."""
    panels = {
        name: {
            group: value.detach().flatten(1).cpu().double().numpy()
            for group, value in groups.items()
        }
        for name, groups in gates.items()
    }
    kinds = {tuple(groups) for groups in panels.values()}
    if len(kinds) != 1 or not 1 <= len(next(iter(kinds))) <= 2:
        raise ValueError(
            f"every panel needs the same groups, one or two; got {sorted(kinds)}"
        )
    tables = [table for groups in panels.values() for table in groups.values()]
    if len({table.shape[1] for table in tables}) != 1 or not all(map(len, tables)):
        raise ValueError(
            "gates are (B, C) with the same C throughout and one image at least, got "
            f"{[table.shape for table in tables]}"
        )
    if any(table.min() < 0 or table.max() > 1 for table in tables):
        raise ValueError("a gate lies between 0 and 1: pass gates, not scores")
    return panels


def contrast(groups: Mapping[str, Array]) -> Array:
    """What the groups' means differ by, channel by channel; or the one group's mean."""
    means = [np.asarray(table.mean(axis=0)) for table in groups.values()]
    return means[0] - means[1] if len(means) == 2 else means[0]


def check_maps(images: Tensor, gates: Mapping[str, Tensor]) -> None:
    """Refuse spatial gates that do not fit their images, or are no gates."""
    if not gates:
        raise ValueError('gates is empty: pass {"a name": gates of (B, 1, h, w)}')
    for name, gate in gates.items():
        if gate.ndim != 4 or gate.shape[:2] != (len(images), 1):
            raise ValueError(
                f"gate {name!r} is {tuple(gate.shape)}: wanted ({len(images)}, 1, h, w)"
            )
        if gate.min() < 0 or gate.max() > 1:
            raise ValueError(f"gate {name!r} leaves 0 to 1: pass gates, not scores")
