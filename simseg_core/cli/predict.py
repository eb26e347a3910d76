"""The command `predict`: pictures to masks, with a trained network."""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from simseg_core.cli.runs import add_device, add_run, load, noting
from simseg_core.cli.telling import telling, with_options
from simseg_core.cli.values import Incomplete

__all__ = ["EPILOG", "EXAMPLES", "SUMMARY", "add_options", "run"]

SUMMARY = "predict pictures with a trained network: masks, overlays, shares"
EPILOG = """\
PATH is a picture, a folder (with all below it) or a pattern. The folder that --out
names gets masks/NAME.png with class numbers shown in colours, and shares.csv with the
share of each class; sub-folders are mirrored. Pictures that cannot be read are told,
the others go on, and the exit code is 1. What was stopped goes on with --skip.
"""
EXAMPLES = """\
%(prog)s runs/a pictures --out predicted --overlays
%(prog)s runs/a pictures --out predicted --overlays --skip
%(prog)s runs/a photo.jpg --force
%(prog)s runs/a 'flights/**/*.tif' --tile 2048 --device cuda"""


def add_options(one: ArgumentParser) -> None:
    """Give a parser the options of `predict`."""
    add_run(one)
    one.add_argument("paths", nargs="+", metavar="PATH", help="see below")
    one.add_argument(
        "--out",
        type=Path,
        default=Path("predictions"),
        metavar="DIR",
        help="the folder to write to (predictions)",
    )
    for word, text in (
        ("overlays", "pictures under their classes' colours, too"),
        ("probabilities", "float16 arrays (C, H, W) in .npz files, too"),
        ("force", "files that are there may be replaced"),
        ("skip", "files that are there are left as they are"),
        ("json", "print what was done as JSON"),
    ):
        one.add_argument(f"--{word}", action="store_true", help=text)
    add_device(one)


def run(given: Namespace) -> str:
    """Predict as the arguments say -> what to print.

    Raises:
        Mistake: if what was asked for cannot be had.
        Incomplete: if some pictures could not be read.
        KeyboardInterrupt: after Ctrl-C, saying how many are done.
    """
    predictor = load(given.run, given)
    with telling(), noting():
        from tqdm import tqdm

        from simseg_core.runs import predict_files

        done = predict_files(
            predictor,
            given.paths,
            given.out,
            overlays=given.overlays,
            probabilities=given.probabilities,
            force=given.force,
            skip=given.skip,
            progress=sys.stderr.isatty(),
            tell=lambda line: tqdm.write(
                f"simseg: {with_options(line)}", file=sys.stderr
            ),
        )
    if done.faults:
        if not done.done:
            raise Incomplete("none of the pictures could be predicted, as told above")
        raise Incomplete(
            f"{len(done.faults)} of {len(done.faults) + len(done.done)} pictures could "
            f"not be predicted, as told above; those of the others are in {done.out}"
        )
    if given.json:
        files = [str(file) for file in done.done]
        return json.dumps({"out": str(done.out), "pictures": files}, indent=2)
    return str(done)
