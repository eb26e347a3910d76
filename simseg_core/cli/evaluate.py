"""The command `evaluate`: how good a run is on labelled pictures."""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from simseg_core.cli import sources
from simseg_core.cli.runs import add_device, add_run, load, noting
from simseg_core.cli.telling import telling

__all__ = ["EPILOG", "EXAMPLES", "SUMMARY", "add_options", "run"]

SUMMARY = "score a trained network on labelled pictures, alone or against another"
EPILOG = f"""\
{sources.SOURCES}
Without --classes and --mask-values the masks of a folder are read as those that the
network was trained on. Of a data set with parts its validation part is scored; of one
without, --part val scores those of its pictures that RUN held out.
"""
EXAMPLES = """\
%(prog)s runs/a --data folder:held_out --out scores
%(prog)s runs/a --data folder:held_out --against runs/b
%(prog)s runs/a --data voc:VOCdevkit --part val --json"""


def add_options(one: ArgumentParser) -> None:
    """Give a parser the options of `evaluate`."""
    add_run(one)
    add = one.add_argument
    add(
        "--data", type=sources.source, required=True, metavar="SOURCE", help="see below"
    )
    add("--part", choices=("train", "val"), help="of a source that has both, or of RUN")
    sources.add_source(one)
    add("--against", default=None, metavar="RUN2", help="a run to compare with")
    add(
        "--out",
        type=Path,
        default=None,
        metavar="DIR",
        help="a folder for scores.json, confusion.png and worst.png (the ten worst "
        "pictures)",
    )
    add("--force", action="store_true", help="files that are there may be replaced")
    add("--json", action="store_true", help="print JSON alone")
    add_device(one)


def run(given: Namespace) -> str:
    """Evaluate as the arguments say -> what to print.

    Raises:
        Mistake: if what was asked for cannot be had.
    """
    runs = [given.run] + ([given.against] if given.against else [])
    predictors = [load(name, given) for name in runs]
    said = ("part", "classes", "ignore_index", "mask_suffix", "mask_orientation")
    options = {name: getattr(given, name) for name in said}
    options = {name: value for name, value in options.items() if value is not None}
    with telling(), noting():
        if given.mask_values is not None:
            options["mask_values"] = sources.mask_values(given)
        from simseg_core.runs.score import check_classes, compare_runs, evaluate_run
        from simseg_core.runs.scored_pictures import open_for

        known = [predictor.network.classes for predictor in predictors]
        check_classes(runs[0], known[0], known[-1], whose=runs[-1])
        source = open_for(predictors[0], given.data, **options)
        found: list[Any] = []
        for name, predictor in zip(runs, predictors):
            found.append(
                evaluate_run(
                    predictor,
                    source,
                    name=name,
                    out=given.out if name == given.run else None,
                    force=given.force,
                    progress=sys.stderr.isatty(),
                )
            )
        answer = found[0] if len(found) == 1 else compare_runs(*found)
    return json.dumps(answer.to_dict(), indent=2) if given.json else str(answer)
