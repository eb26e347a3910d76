"""Train every network of the book alike, time it, and store what came out.

    python benchmarks/compare_networks.py [--networks unet_padded fchardnet70]

Same scenes, same order, same steps, same schedule; the presets `small`, which have 60
to 180 thousand weights. A run of the whole list takes about an hour of one core's time.
What is done is kept in the result's file after each training, so that the script can be
stopped and started again; a file with other settings is refused, not mixed.

Training and timing are two halves: `--train` or `--time` alone does one of them. Time
on a machine that has nothing else to do.

The valid `unet` is not among them: the smallest image that it takes is 188 pixels wide.
`unet_attention` is counted and timed but trained only when it is named: one of its
steps takes as long as thirty of the others'.
"""

import argparse
import datetime
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from simseg_core import create_model
from simseg_core.data import Street
from simseg_core.measured import FOLDER
from simseg_core.probes import compare, cost
from simseg_core.probes.timing.kept import write_json
from simseg_core.probes.timing.machine import device_name
from simseg_core.training import evaluate, fit, inverse_sqrt_frequency
from simseg_core.training.metrics import Scores

NETWORKS = (
    "unet_padded",
    "unet_residual",
    "unet_cbam",
    "unet_resnet18",
    "deeplabv3_resnet50",
    "deeplabv3plus_resnet50",
    "deeplabv3plus_mobilenetv2",
    "deeplabv3plus_xception65",
    "fchardnet70",
    "unet_attention",
)
UNTRAINED = ("unet_attention",)
SETTINGS = {
    "data": "Street",
    "preset": "small",
    "size": 64,
    "steps": 400,
    "batch_size": 8,
    "validation_images": 128,
}
SEEDS = (0, 1, 2)


def build(name: str, settings: dict[str, Any] = SETTINGS) -> nn.Module:
    """Return the small form of a network, for the classes of the street scenes."""
    return create_model(
        name, preset=settings["preset"], num_classes=len(Street.classes)
    )


def train(name: str, seed: int, settings: dict[str, Any] = SETTINGS) -> dict[str, Any]:
    """Train one network from one seed; give its scores on held-out pictograms."""
    size = settings["size"]
    data = Street("train", size=size)
    held_out = Street("val", size=size, length=settings["validation_images"])
    torch.manual_seed(seed)
    model = build(name, settings)
    fit(
        model,
        data,
        steps=settings["steps"],
        batch_size=settings["batch_size"],
        seed=seed,
        device="cpu",
        class_weights=inverse_sqrt_frequency(data),
        progress=False,
    )
    return asdict(evaluate(model, held_out, device="cpu"))


def count(name: str, settings: dict[str, Any] = SETTINGS) -> dict[str, int]:
    """Count what one image costs."""
    size = settings["size"]
    found = cost(build(name, settings).eval(), (1, 3, size, size))
    return {
        "parameters": found.parameters,
        "macs": found.macs,
        "cio": found.cio,
        "activation_bytes": found.activation_bytes,
    }


def time_all(names: list[str], settings: dict[str, Any] = SETTINGS) -> dict[str, Any]:
    """Time a batch through all networks in turn, without and with gradients."""
    size = settings["size"]
    images = torch.randn(settings["batch_size"], 3, size, size)
    names = list(dict.fromkeys([NETWORKS[0], *names]))  # ratios are to the first
    models = {name: build(name, settings).eval() for name in names}
    found = {}
    for key, backward in (("forward", False), ("step", True)):
        done = compare(models, images, backward=backward)
        for name in names:
            found.setdefault(name, {})[key] = {
                "median": done[name].median,
                "ratio": done.ratio(name),
                "ratio_range": list(done.spread(name)),
                "peak_bytes": done[name].peak_bytes,
            }
    return found


def origin() -> dict[str, Any]:
    """Say when, on what and with which versions."""
    return {
        "device": device_name(torch.device("cpu")),
        "threads": torch.get_num_threads(),
        "date": datetime.date.today().isoformat(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def main(argv: list[str] | None = None) -> int:
    """Run what is asked for and not done yet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--steps", type=int, default=SETTINGS["steps"])
    parser.add_argument(
        "--validation-images", type=int, default=SETTINGS["validation_images"]
    )
    parser.add_argument("--out", type=Path, default=FOLDER / "networks.json")
    parser.add_argument("--train", action="store_true", help="train only")
    parser.add_argument("--time", action="store_true", help="time only")
    asked = parser.parse_args(argv)
    names = asked.networks or NETWORKS
    to_train = asked.networks or [name for name in names if name not in UNTRAINED]
    settings = {
        **SETTINGS,
        "steps": asked.steps,
        "validation_images": asked.validation_images,
    }

    stored = json.loads(asked.out.read_text()) if asked.out.exists() else {}
    if stored and stored["settings"] != settings:
        print(
            f"{asked.out} holds a run with other settings: give another --out, "
            "or remove it",
            file=sys.stderr,
        )
        return 2
    stored.setdefault("settings", settings)
    networks = stored.setdefault("networks", {})
    for name in names:
        networks.setdefault(name, {"seeds": {}}).update(count(name, settings))
    if asked.train or not asked.time:
        for name in to_train:
            for seed in asked.seeds:
                if str(seed) not in networks[name]["seeds"]:
                    scores = train(name, seed, settings)
                    networks[name]["seeds"][str(seed)] = scores
                    stored["trained"] = origin()
                    write_json(stored, asked.out)
                    print(f"{name}, seed {seed}: {Scores(**scores)}", flush=True)
    if asked.time or not asked.train:
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        for name, times in time_all(list(names), settings).items():
            networks.setdefault(name, {"seeds": {}})["time"] = times
        stored["timed"] = {**origin(), "load": load}
        write_json(stored, asked.out)
    print(asked.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
