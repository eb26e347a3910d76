"""Trained networks and states as files, read without running any code in them."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from simseg_core.runs.folder import BEST, LAST, replacing
from simseg_core.runs.network import Network

__all__ = [
    "Trained",
    "load_state",
    "load_trained",
    "save_state",
    "save_trained",
    "versions",
]

_KEY = "simseg"  # of our description among a safetensors file's metadata
_FORMAT = 1


@dataclass(frozen=True)
class Trained:
    """A trained network, as a file of weights describes it.

    Attributes:
        network: what it is.
        model: with the weights, on the CPU, in evaluation mode.
        step: after how many steps they were saved.
        scores: of the validation then; empty where there was none.
        path: the file.
    """

    network: Network
    model: nn.Module
    step: int
    scores: Mapping[str, Any]
    path: Path


def save_trained(
    path: Path,
    model: nn.Module,
    network: Network,
    *,
    step: int,
    scores: Mapping[str, Any],
) -> None:
    """Write weights and description into one safetensors file.

    Raises:
        OSError: if it cannot be written; what stood there before still does.
    """
    from safetensors.torch import save

    about = {
        "format": _FORMAT,
        "network": network.to_dict(),
        "step": step,
        "scores": scores,
        "versions": versions(),
    }
    weights = {name: t.contiguous() for name, t in model.state_dict().items()}
    with replacing(path) as beside:
        beside.write_bytes(save(weights, {_KEY: json.dumps(about)}))


def load_trained(run: str | os.PathLike[str], which: str = "best") -> Trained:
    """Read the network that a run trained.

    Args:
        run: its folder, or a file of weights.
        which: `"best"` by validation, or `"last"`.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if the file is cut off, foreign, or its weights do not fit.
    """
    if which not in ("best", "last"):
        raise ValueError(f"which={which!r}: a run keeps its 'best' and 'last' weights")
    path = Path(run).expanduser()
    if path.is_dir():
        path = _weights_of(path, which)
    elif not path.exists():
        raise FileNotFoundError(
            f"no run {path}: give the folder that `simseg train --out` wrote, or its "
            f"{BEST}"
        )
    weights, about = _read_weights(path)
    try:
        network = Network.from_dict(about["network"])
        model = network.build()
        step, scores = int(about["step"]), dict(about["scores"])
    except (KeyError, TypeError, ValueError) as error:
        made_with = about.get("versions", {}).get("simseg-core", "another version")
        raise ValueError(
            f"{path} describes a network that this version does not build ({error}): "
            f"it was written by simseg-core {made_with}; install that one"
        ) from error
    _fill(model, weights, path)
    return Trained(network, model.eval(), step, scores, path)


def _weights_of(folder: Path, which: str) -> Path:
    path = folder / f"{which}.safetensors"
    if path.exists():
        return path
    others = sorted(f.name for f in folder.glob("*.safetensors"))
    there = f"; there is {', '.join(others)}" if others else ""
    raise FileNotFoundError(
        f"{folder} holds no {path.name}{there}: give a folder that `simseg train "
        "--out` wrote, and let it train up to its first validation"
    )


def _read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(_KEY, "null"))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(
            f"{path} is no whole safetensors file ({error}): copy it again, or take "
            "the run's other weights"
        ) from error
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        raise ValueError(
            f"{path} does not say which network its weights belong to: only files "
            "that `simseg train` wrote can be read"
        )
    return weights, about


def _fill(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Load weights, or name the first that does not fit."""
    wanted = model.state_dict()
    for name in sorted(wanted.keys() | weights.keys()):
        here, there = (
            "is missing" if name not in each else f"has shape {tuple(each[name].shape)}"
            for each in (wanted, weights)
        )
        if here != there:
            raise ValueError(
                f"the weights of {path} do not fit the network that it describes: "
                f"{name} {there} in the file and {here} in the network"
            )
    floats = [t.dtype for t in weights.values() if t.is_floating_point()]
    model.to(floats[0] if floats else torch.float32)
    model.load_state_dict(dict(weights))


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write what a run needs to go on.

    Raises:
        OSError: if it cannot be written; what stood there before still does.
    """
    with replacing(path) as beside:
        torch.save(dict(state), beside)


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote; nothing in the file can run code.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if the file is cut off or foreign.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"{path.parent} holds no {path.name}, so there is nothing to resume: start "
            "it without --resume, in a new folder"
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and torch each have their own
        raise ValueError(
            f"{path} is cut off or foreign: the run's weights may still be whole; "
            f"--start-from {path.with_name(LAST)}, in a new folder, goes on from them"
        ) from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} was not written by `simseg train`")
    return state


def versions() -> dict[str, str]:
    """Name what a run was made with."""
    from importlib.metadata import version

    names = ("simseg-core", "torch", "torchvision", "safetensors")
    return {"python": platform.python_version(), **{n: version(n) for n in names}}
