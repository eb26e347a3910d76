"""The words of a command line, checked before anything heavy is imported."""

import argparse
import json
import re
from typing import NoReturn

from simseg_core.cli import data, evaluate, export, predict, train, values
from simseg_core.cli.values import Mistake, nearest
from simseg_core.models.presets import PRESETS, TABLE, TASKS

__all__ = ["RUN_COMMANDS", "list_names", "make_parser"]

COMMANDS = {
    "list": "name the networks of the book",
    "trace": "which operations ran, on which shapes, and what feeds what",
    "receptive-field": "which input pixels an output pixel can depend on",
    "cost": "parameters, multiply-accumulates and bytes, stage by stage",
    "measure": "how long a run takes on this device, and how much memory",
}
# Each of these modules has SUMMARY, EPILOG, EXAMPLES, `add_options` and `run`.
RUN_COMMANDS = {
    "data": data,
    "train": train,
    "predict": predict,
    "evaluate": evaluate,
    "export": export,
}
_MODEL = """\
MODEL is a name that `list` prints, or package.module:function, where the function or
class returns an nn.Module when called with no more than the given --option; a module
object does too. The current folder is searched first.
"""
_SIZES = """\
Without --input: 1x1x572x572 for unet (the paper's: 1 channel, 2 classes), 1x3x1024x2048
for fchardnet70 (19 classes), 1x3x512x512 for other segmentation networks (21 classes),
1x3x224x224 for classifiers (1000 classes). For your own: 224x224, with the channels of
its first convolution. A name of the book takes the channels of --input.
"""
_EXAMPLES = {
    "list": "%(prog)s --task segmentation",
    "trace": """\
%(prog)s unet --depth 1
%(prog)s mynet:build --input 3x256x256 --save net.svg
%(prog)s torchvision.models:resnet18 --option num_classes=10 --json""",
    "receptive-field": """\
%(prog)s deeplabv3_resnet50 --option output_stride=8 --depth 2
%(prog)s unet --pixel 100,100 --save field.png""",
    "cost": """\
%(prog)s fchardnet70
%(prog)s unet_padded --preset small --input 3x128x128 --save cost.svg""",
    "measure": """\
%(prog)s unet_padded --input 3x256x256
%(prog)s unet_padded --input 3x256x256 --compare unet_cbam --backward
%(prog)s fchardnet70 --device cuda --dtype bfloat16""",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Leave the telling to `main`: one line, without the usage."""
        unknown = re.match(r"argument COMMAND: invalid choice: '(.*?)'", message)
        if unknown:
            known = [*COMMANDS, *RUN_COMMANDS]
            message = f"no command {unknown[1]!r}: {nearest(unknown[1], known)}"
        message = message.removeprefix("argument MODEL: ")
        raise Mistake(f"{message} ({self.prog} --help)")


def make_parser(program: str) -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    layout = argparse.RawDescriptionHelpFormatter
    examples = "".join(
        f"  {line}\n" % {"prog": f"{program} {command}"}
        for command, lines in _EXAMPLES.items()
        for line in lines.splitlines()
    )
    parser = _Parser(
        program,
        description="Probe a network of the book or your own, or train one and use it.",
        epilog=f"{_MODEL}\n{_SIZES}\nexamples:\n{examples}",
        formatter_class=layout,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        lines = "".join(f"  {line}\n" for line in _EXAMPLES[name].splitlines())
        text = "" if name == "list" else f"{_MODEL}\n{_SIZES}\n"
        one = commands.add_parser(
            name,
            help=summary,
            description=f"Tell {summary}."
            if name != "list"
            else f"{summary.capitalize()}.",
            epilog=f"{text}examples:\n{lines}",
            formatter_class=layout,
            allow_abbrev=False,
        )
        if name == "list":
            one.add_argument("--task", choices=TASKS, help="only these")
        else:
            _add_network(one)
            _add_own(one, name)
            one.add_argument(
                "--save", type=values.figure, metavar="FILE",
                help="draw it, too: .svg, .png or .pdf; replaces the file",
            )  # fmt: skip
            one.add_argument("--traceback", action="store_true", help="for a bug")
        one.add_argument("--json", action="store_true", help="print JSON alone")
    for name, module in RUN_COMMANDS.items():
        lines = "".join(f"  {line}\n" for line in module.EXAMPLES.splitlines())
        one = commands.add_parser(
            name,
            help=module.SUMMARY,
            description=f"{module.SUMMARY.capitalize()}.",
            epilog=f"{module.EPILOG}\nexamples:\n{lines}",
            formatter_class=layout,
            allow_abbrev=False,
        )
        module.add_options(one)
    return parser


def _add_network(one: argparse.ArgumentParser) -> None:
    one.add_argument("model", type=values.model, metavar="MODEL", help="see below")
    one.add_argument(
        "--input", type=values.size, metavar="CxHxW",
        help="channels x rows x columns, 3x512x512; with the batch first, 8x3x512x512",
    )  # fmt: skip
    one.add_argument("--preset", choices=PRESETS, help="widths; the paper's if not")
    one.add_argument("--num-classes", type=values.count, metavar="N")
    one.add_argument("--in-channels", type=values.count, metavar="N")
    one.add_argument(
        "--option", type=values.option, action="append", default=[],
        metavar="KEY=VALUE",
        help="an argument of the network, again for each: --option output_stride=8",
    )  # fmt: skip


def _add_own(one: argparse.ArgumentParser, name: str) -> None:
    if name == "measure":
        one.add_argument("--backward", action="store_true", help="with the gradients")
        one.add_argument("--device", help="cpu, cuda, cuda:1, mps; cpu if not given")
        types = ("float32", "float64", "float16", "bfloat16")
        one.add_argument("--dtype", choices=types, default="float32")
        one.add_argument(
            "--compare", type=values.model, metavar="MODEL2", help="time both in turn"
        )
        one.add_argument(
            "--seconds", type=values.seconds, default=5.0, metavar="S",
            help="at most about this long (5)",
        )  # fmt: skip
        return
    ending = {
        "trace": "; every operation if not",
        "cost": " (1)",
        "receptive-field": " in the table; JSON holds all layers",
    }
    one.add_argument(
        "--depth", type=values.count, metavar="N",
        default=1 if name == "cost" else None,
        help="fold modules nested deeper than N" + ending[name],
    )  # fmt: skip
    if name == "receptive-field":
        one.add_argument(
            "--pixel", type=values.pixel, metavar="ROW,COLUMN",
            help="what this output pixel reads; --pixel=-1,-1 is the last",
        )  # fmt: skip


def list_names(arguments: argparse.Namespace) -> str:
    """Name the networks of the book, one a line."""
    names = [n for n, e in TABLE.items() if arguments.task in (None, e.task)]
    return json.dumps(names) if arguments.json else "\n".join(names)
