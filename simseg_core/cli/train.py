"""The command `train`: its options, and how it says what came of them."""

import dataclasses
import json
import os
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from functools import partial
from pathlib import Path
from typing import Any

from simseg_core.cli import sources, values
from simseg_core.cli.runs import announce
from simseg_core.cli.telling import telling
from simseg_core.models.presets import PRESETS, SEGMENTATION, TABLE

__all__ = ["EPILOG", "EXAMPLES", "SUMMARY", "add_options", "run"]

SUMMARY = "train a network on your own pictures, in a folder that can be resumed"
EPILOG = f"""\
{sources.SOURCES}
The folder that --out names gets best.safetensors and last.safetensors, metrics.jsonl,
curves.png and samples.png. A run that was stopped, by Ctrl-C or by anything else, goes
on with --resume. Several processes: torchrun --nproc-per-node 2 -m simseg_core train
"""
EXAMPLES = """\
%(prog)s --data folder:pictures --classes background,cat --out runs/a
%(prog)s --out runs/a --resume
%(prog)s --data folder:tiles --group '^[^_]+' --augment any-way-up --out runs/b
%(prog)s --data voc:VOCdevkit --model unet_resnet34 --preset paper --out runs/c"""


def add_options(one: ArgumentParser) -> None:
    """Give a parser the options of `train`.

    What is not said is not there, so that --resume knows.
    """
    one.argument_default = SUPPRESS
    names = [n for n, entry in TABLE.items() if entry.task == SEGMENTATION]
    add = one.add_argument_group("the run").add_argument
    add("--out", required=True, type=Path, metavar="DIR", help="its folder, a new one")
    add("--resume", action="store_true", help="go on with the run in that folder")
    add(
        "--accept-changes",
        action="store_true",
        help="with --resume: pictures may have been mended meanwhile",
    )
    add("--device", help="cpu, cuda, cuda:1, mps; the accelerator if not given")
    add(
        "--workers",
        dest="num_workers",
        type=values.natural,
        metavar="N",
        help="processes that load pictures (0)",
    )
    add("--tensorboard", action="store_true", help="write for TensorBoard, too")
    add("--json", action="store_true", help="print the best scores as JSON")
    add("--traceback", action="store_true", help="for a bug")

    pictures = one.add_argument_group("the pictures")
    add = pictures.add_argument
    add("--data", type=sources.source, metavar="SOURCE", help="see below")
    sources.add_source(pictures)
    sources.add_split(pictures)
    add(
        "--scale",
        type=float,
        metavar="F",
        help="resize every picture by this factor "
        "(so that the median picture's shorter side is 512 at most)",
    )
    add(
        "--crop",
        type=values.count_or_none,
        metavar="N",
        help="side of the squares to train on (256), or none",
    )
    add(
        "--augment",
        choices=("photo", "any-way-up", "none"),
        help="photo flips sideways and varies colours; any-way-up turns, too",
    )

    add = one.add_argument_group("the network").add_argument
    add(
        "--model",
        type=values.among(names, "model"),
        metavar="NAME",
        help="unet_residual, or another of `list --task segmentation`",
    )
    add("--preset", choices=PRESETS, help="widths (small)")
    add(
        "--option",
        dest="options",
        type=values.option,
        action="append",
        metavar="KEY=VALUE",
        help="an argument of the network, again for each",
    )
    add(
        "--pretrained",
        action="store_true",
        help="published weights for the encoder",
    )
    add("--start-from", metavar="RUN", help="start from the weights of another run")

    add = one.add_argument_group("the training").add_argument
    add("--steps", type=values.count, metavar="N", help="batches (1000)")
    add("--batch-size", type=values.count, metavar="N", help="over all processes (8)")
    add("--max-lr", type=float, metavar="R", help="peak of the learning rate")
    add("--loss", metavar="NAMES", help="cross-entropy, focal or dice, joined by +")
    add("--class-weights", action="store_true", help="rare classes count for more")
    add("--seed", type=values.natural, metavar="N", help="(0)")
    add("--amp", action="store_true", help="mixed precision")
    add("--compile", action="store_true", help="torch.compile: faster after a wait")
    add("--precision", choices=("float32", "float64"))
    add("--validate-every", type=values.count, metavar="N", help="steps (a tenth)")
    add(
        "--patience",
        type=values.count,
        metavar="N",
        help="end after so many validations without a better score",
    )


def run(given: Namespace) -> str:
    """Train as the arguments say -> what to print.

    Raises:
        Mistake: if what was asked for cannot be had.
        KeyboardInterrupt: after Ctrl-C; the run is saved, and the message says so.
    """
    asked: dict[str, Any] = dict(vars(given))
    for name in ("command", "json", "traceback"):
        asked.pop(name, None)
    announce(f"opening {asked.get('data') or given.out}")
    with telling():
        if "mask_values" in asked:
            asked["mask_values"] = sources.mask_values(given)
        if "device" in asked:
            from simseg_core.cli.commands import device_of

            asked["device"] = device_of(given.device)
        if "options" in asked:
            asked["options"] = dict(asked["options"])
        from tqdm import tqdm

        from simseg_core.runs import train

        tell = partial(tqdm.write, file=sys.stderr)
        result = train(progress=sys.stderr.isatty(), tell=tell, **asked)
    if os.environ.get("RANK", "0") != "0":  # the first of several processes speaks
        return ""
    if getattr(given, "json", False):
        plain = dataclasses.asdict(result) | {"out": str(result.out)}
        return json.dumps(plain, indent=2)
    return f"{result}\nNow: simseg predict {result.out} PICTURE_OR_FOLDER"
