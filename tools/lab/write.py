"""Write what the lab's page loads: networks, scenes, scores, and still pictures.

A file of data is a script that sets one variable, since a page opened from a folder may
load scripts and may fetch nothing.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from lab.scenes import (
    as_input,
    compose,
    compose_sign,
    sign_scene,
    signal_scene,
    street_scene,
)
from lab.tape import Player, record, without_idle_taps
from lab.train import SIDE, SIGNS_SIDE
from simseg_core.data import Signal, Signs, Street, colorize, denormalize
from simseg_core.probes import receptive_field
from simseg_core.training import evaluate

__all__ = [
    "DECODER_OFF",
    "Joined",
    "read_data",
    "right_of_stop_and_go",
    "with_gates_of",
    "write_decoder",
    "write_gates",
    "write_signal",
    "write_signs",
    "write_street",
]

PREFIX = "(window.simsegLab ??= {{}}).{name} = "

# Colours of the sky, light and things: by the data set's casts, and chosen to look at.
STREETS: tuple[dict[str, Any], ...] = (
    {
        "name": "noon",
        "seed": 3,
        "colors": ((88, 150, 216), (190, 218, 238)),
        "light": (1.02, 1.00, 0.97),
        "houses": (("hotel", 0.45),),
        "trees": (0.93,),
        "vehicles": (
            ("sport utility vehicle", 0.24, 0.80, False),
            ("fire engine", 0.74, 0.93, True),
        ),
        "first": 0.20,
        "gap": 0.62,
    },
    {
        "name": "evening",
        "seed": 5,
        "colors": ((92, 110, 168), (246, 196, 150)),
        "light": (1.00, 0.86, 0.74),
        "houses": (("post office", 0.5),),
        "trees": (0.30,),
        "vehicles": (
            ("auto rickshaw", 0.60, 0.79, False),
            ("sport utility vehicle", 0.22, 0.93, True),
        ),
        "first": 0.35,
        "gap": 0.55,
    },
    {
        "name": "grey morning",
        "seed": 8,
        "colors": ((150, 160, 172), (206, 210, 214)),
        "light": (0.86, 0.88, 0.90),
        "houses": (("hut", 0.5), ("hotel", 0.9)),
        "trees": (0.05,),
        "vehicles": (
            ("fire engine", 0.30, 0.80, False),
            ("auto rickshaw", 0.82, 0.94, True),
        ),
        "first": 0.12,
        "gap": 0.70,
    },
)
SIGNALS = (10, 7, 21)  # validation scenes; attention gets the last one wrong
# What the decoder reads, and which of the two maps that it joins is then evened out.
DECODER_OFF = {"both maps": None, "ASPP's alone": 1, "low-level alone": 0}


def read_data(script: Path) -> dict[str, Any]:
    """Read a file of data as Python reads it."""
    return json.loads(script.read_text("utf-8").partition(" = ")[2].rstrip(";\n"))


def write_street(folder: Path, networks: dict[str, nn.Module]) -> None:
    """Write ``lab/street.js`` and ``skips.svg`` below `folder`."""
    scenes = [street_scene(side=SIDE, **street) for street in STREETS]
    tapes = {name: record(network).script() for name, network in networks.items()}
    players = {name: Player(tape).eval() for name, tape in tapes.items()}
    val = Street("val", size=SIDE, length=64)
    scores = {name: evaluate(player, val) for name, player in players.items()}
    data = {
        "networks": tapes,
        "scenes": scenes,
        "scores": {
            name: {"miou": round(one.miou, 4), **_rounded(one.iou)}
            for name, one in scores.items()
        },
    }
    _write(folder, "street", Street, SIDE, data)
    image, label = compose(scenes[0], side=SIDE)
    shown = {"the street": image.byte().permute(1, 2, 0).numpy()}
    for name, player in players.items():
        answer = player(as_input(image)).argmax(dim=1)[0]
        shown[f"{name} skips"] = colorize(answer, Street.palette)
    shown["the truth"] = colorize(label, Street.palette)
    alt = (
        "Four pictures of one street of 64 by 64 pixels: the photograph, with poles "
        "and wires a pixel wide; the answer of a U-Net with skips, thin lines in "
        "place; the answer without skips, a black band where the wires hang; the truth."
    )
    (folder / "skips.svg").write_text(still(shown, alt), "utf-8")


def write_decoder(folder: Path, network: nn.Module) -> None:
    """Write ``lab/deeplab.js`` and ``decoder.svg`` below `folder`."""
    scenes = [street_scene(side=SIDE, **street) for street in STREETS]
    tape = record(without_idle_taps(network, SIDE)).script()
    player = Player(tape).eval()
    val = Street("val", size=SIDE, length=64)
    data = {
        "network": tape,
        "scenes": scenes,
        "scores": {
            words: round(evaluate(Joined(player, off), val).boundary_miou, 4)
            for words, off in DECODER_OFF.items()
        },
    }
    _write(folder, "deeplab", Street, SIDE, data)
    image, _ = compose(scenes[0], side=SIDE)
    shown = {"the street": image.byte().permute(1, 2, 0).numpy()}
    for words, off in DECODER_OFF.items():
        answer = Joined(player, off)(as_input(image)).argmax(dim=1)[0]
        shown[words] = colorize(answer, Street.palette)
    alt = (
        "A street and three answers of one DeepLabV3+. Reading both maps, the decoder "
        "draws houses and cars with rounded outlines; with ASPP's map alone, flat "
        "layers of houses and road; with low-level features alone, outlines in place "
        "and classes mixed up."
    )
    (folder / "decoder.svg").write_text(still(shown, alt), "utf-8")


class Joined(nn.Module):
    """DeepLabV3+ whose decoder may read one of its two maps at its mean everywhere.

    Args:
        player: of the network.
        off: which map: 0 is ASPP's, 1 the low-level features, None neither.
    """

    def __init__(self, player: Player, off: int | None) -> None:
        super().__init__()
        self.player, self.off = player, off
        joins = [one for one in player.operations if one["op"] == "concat"]
        self.sources = joins[-1]["from"]

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        if self.off is None:
            return self.player(x)
        evened = self.sources[self.off]
        map_ = self.player.maps(x)[evened]
        mean = map_.mean(dim=(2, 3), keepdim=True).expand_as(map_)
        return self.player.maps(x, {evened: mean})[-1]


def write_signs(folder: Path, networks: dict[str, nn.Module]) -> None:
    """Write ``lab/signs.js`` and ``rates.svg`` below `folder`."""
    tapes = {name: record(network).script() for name, network in networks.items()}
    # As it is read again: JSON's names are strings.
    scene = json.loads(json.dumps(sign_scene(side=SIGNS_SIDE, seed=4)))
    data = {
        "networks": tapes,
        "fields": {name: _rows_read(networks[name]) for name in ("1", "2", "4")},
        "scene": scene,
    }
    _write(folder, "signs", Signs, SIGNS_SIDE, data)
    image, _ = compose_sign(scene, side=SIGNS_SIDE)
    shown = {"the sign": image.byte().permute(1, 2, 0).numpy()}
    for name, words in {"1": "rate 1", "4": "rate 4", "aspp": "ASPP"}.items():
        answer = Player(tapes[name])(as_input(image)).argmax(dim=1)[0]
        shown[words] = colorize(answer, Signs.palette)
    alt = (
        "A large round sign with a vermillion rim on a brick wall, and the answers of "
        "three networks: rate 1 guesses, and wrong, in the middle; rate 4 errs in "
        "small patches; ASPP fills the disc."
    )
    (folder / "rates.svg").write_text(still(shown, alt), "utf-8")


def _rows_read(network: nn.Module) -> list[tuple[int, int]]:
    """List the first and last row of the image that each row of the answer reads."""
    field = receptive_field(network, (1, 3, SIGNS_SIDE, SIGNS_SIDE))
    boxes = (field.box((row, 0)) for row in range(SIGNS_SIDE))
    return [box[0] for box in boxes if box is not None]


def write_signal(folder: Path, network: nn.Module) -> None:
    """Write ``lab/signal.js`` and ``attention.svg`` below `folder`."""
    tape = record(network).script()
    player = Player(tape).eval()
    right = {
        "trained": right_of_stop_and_go(player),
        "0": right_of_stop_and_go(without_gamma(tape)),
    }
    data = {
        "network": tape,
        "scenes": [signal_scene(index, side=SIDE) for index in SIGNALS],
        "numbers": SIGNALS,
        "scores": {f"gamma {name}": round(one, 4) for name, one in right.items()},
    }
    _write(folder, "signal", Signal, SIDE, data)
    shown = {}
    val = Signal("val", size=SIDE)
    for state in ("stop", "go"):
        image, _ = val.with_lamp(SIGNALS[0], state)
        answer = player(image[None]).argmax(dim=1)[0]
        photograph = (denormalize(image) * 255).byte().permute(1, 2, 0).numpy()
        shown[f"lamp at {state}"] = photograph
        shown[f"answer: {state}"] = colorize(answer, Signal.palette)
    alt = (
        "One road scene with its lamp at stop and at go, each beside the answer of "
        "the network with attention: all vehicles orange under the one lamp, blue "
        "under the other."
    )
    (folder / "attention.svg").write_text(still(shown, alt), "utf-8")


def write_gates(folder: Path, network: nn.Module) -> None:
    """Write ``lab/cbam.js`` and ``gates.svg`` below `folder`."""
    tape = record(network).script()
    player = Player(tape).eval()
    data = {
        "network": tape,
        "scenes": [signal_scene(index, side=SIDE) for index in SIGNALS],
        "numbers": SIGNALS,
        "scores": {
            " and ".join(exchanged) or "neither": round(
                right_of_stop_and_go(player, exchanged=exchanged), 4
            )
            for exchanged in ((), ("channel",), ("spatial",))
        },
    }
    _write(folder, "cbam", Signal, SIDE, data)
    val = Signal("val", size=SIDE)
    (stop, _), (go, _) = (val.with_lamp(SIGNALS[0], one) for one in ("stop", "go"))
    photograph = (denormalize(stop) * 255).byte().permute(1, 2, 0).numpy()
    shown = {"lamp at stop": photograph}
    for words, exchanged in {
        "its own gates": (),
        "channel gates of go": ("channel",),
        "spatial gates of go": ("spatial",),
    }.items():
        logits = with_gates_of(player, stop[None], go[None], exchanged)
        shown[words] = colorize(logits.argmax(dim=1)[0], Signal.palette)
    alt = (
        "A road under a lamp at stop and three answers of one network with CBAM: with "
        "its own gates all vehicles are orange, to stop; with the channel gates of the "
        "lamp at go all are blue; with the spatial gates of go all are orange again."
    )
    (folder / "gates.svg").write_text(still(shown, alt), "utf-8")


def with_gates_of(
    player: Player, image: Tensor, other: Tensor, exchanged: Sequence[str]
) -> Tensor:
    """Return the logits of an image, with some gates as another image makes them.

    Args:
        player: of a network with one CBAM.
        image: ``(B, 3, H, W)``, and as many others.
        other: the images whose gates are taken.
        exchanged: which: "channel", "spatial" or both.
    """
    channel, spatial = (
        made
        for made, one in enumerate(player.operations, start=1)
        if one["op"] == "sigmoid"
    )
    own, theirs = player.maps(image), player.maps(other)
    gates = {"channel": channel, "spatial": spatial}
    given = {
        made: (theirs if name in exchanged else own)[made]
        for name, made in gates.items()
    }
    return player.maps(image, given)[-1]


def without_gamma(tape: dict[str, Any]) -> Player:
    """Build the network of a tape with its attention switched off."""
    off = [
        {**one, "gamma": 0.0} if "gamma" in one else one for one in tape["operations"]
    ]
    return Player({**tape, "operations": off}).eval()


@torch.no_grad()
def right_of_stop_and_go(
    player: Player, count: int = 48, *, exchanged: Sequence[str] = ()
) -> float:
    """Measure the stop/go accuracy of chapter 01: each scene with either lamp.

    Args:
        player: of the network.
        count: of scenes.
        exchanged: gates that are taken from under the other lamp.
    """
    val, right, all_pixels = Signal("val", size=SIDE, length=count), 0, 0
    for index in range(count):
        for state, other in (("stop", "go"), ("go", "stop")):
            image, label = val.with_lamp(index, state)
            logits = player(image[None])
            if exchanged:
                others = val.with_lamp(index, other)[0][None]
                logits = with_gates_of(player, image[None], others, exchanged)
            answer = logits[0, 1:].argmax(dim=0) + 1
            right += int((answer == label)[label > 0].sum())
            all_pixels += int((label > 0).sum())
    return right / all_pixels


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(score, 4) for name, score in scores.items()}


def _write(
    folder: Path,
    name: str,
    scenes: type[Signal] | type[Signs] | type[Street],
    side: int,
    data: dict[str, Any],
) -> None:
    """Write ``lab/NAME.js``: what its page loads, and what its scenes' colours mean."""
    meaning = {"side": side, "classes": scenes.classes, "palette": scenes.palette}
    file = folder / "lab" / f"{name}.js"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(meaning | data, separators=(",", ":"))
    file.write_text(f"{PREFIX.format(name=name)}{text};\n", "utf-8")


def still(pictures: dict[str, np.ndarray], alt: str) -> str:
    """Draw pictures (H, W, 3) side by side, two in a row, each under its name."""
    box, gap, line = 200, 12, 24
    parts = []
    for number, (name, pixels) in enumerate(pictures.items()):
        x, y = (box + gap) * (number % 2), (box + line + gap) * (number // 2)
        parts.append(
            f'<text x="{x}" y="{y + 16}" font-size="15">{name}</text>'
            f'<image x="{x}" y="{y + line}" width="{box}" height="{box}" '
            f'style="image-rendering: pixelated" href="{_png(pixels)}"/>'
        )
    rows = -(-len(pictures) // 2)
    return (
        f'<svg class="lab-still" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {2 * box + gap} {rows * (box + line + gap) - gap}" '
        f'aria-label="{alt}" fill="currentColor">{"".join(parts)}</svg>\n'
    )


def _png(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
