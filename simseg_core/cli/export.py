"""The command `export`: a trained network as a file for other programs."""

import json
from argparse import ArgumentParser, Namespace

from simseg_core.cli.runs import add_run, announce
from simseg_core.cli.telling import telling
from simseg_core.cli.values import Mistake

__all__ = ["EPILOG", "EXAMPLES", "SUMMARY", "add_options", "run"]

SUMMARY = "write a trained network as ONNX or as a program of torch.export"
EPILOG = """\
FILE ends with .onnx or .pt2. It takes RGB from 0 to 1, not normalised, of any batch,
height and width, and gives logits; it says so itself, with the classes, as metadata. It
is run at two sizes and compared with the network before it is written.
"""
EXAMPLES = """\
%(prog)s runs/a model.onnx
%(prog)s runs/a model.pt2 --last"""


def add_options(one: ArgumentParser) -> None:
    """Give a parser the options of `export`."""
    add_run(one)
    one.add_argument("file", metavar="FILE", help="to write")
    for word, text in (
        ("force", "a file that is there may be replaced"),
        ("json", "print what the file takes and gives as JSON"),
    ):
        one.add_argument(f"--{word}", action="store_true", help=text)


def run(given: Namespace) -> str:
    """Export as the arguments say -> what to print.

    Raises:
        Mistake: if what was asked for cannot be had.
    """
    announce(f"reading {given.run}")
    try:
        with telling():
            from simseg_core.runs import export_run

            which = "last" if given.last else "best"
            done = export_run(given.run, given.file, which=which, force=given.force)
    except ModuleNotFoundError as error:
        raise Mistake(str(error)) from error
    if given.json:
        return json.dumps({"file": str(done.path), **done.contract}, indent=2)
    return str(done)
