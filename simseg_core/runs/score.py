"""How good a run's predictions are, on any data set of the same classes."""

import json
import math
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm.auto import tqdm

from simseg_core.data.files.mask_values import MaskValues
from simseg_core.data.sources import UnnamedClasses, has_parts, open_source
from simseg_core.runs.checkpoint import replacing
from simseg_core.runs.network import Network
from simseg_core.runs.output import make_folder
from simseg_core.runs.plan import Plan
from simseg_core.runs.predict import Predictor
from simseg_core.tables import Column, Table, Tabled
from simseg_core.training.metrics import ScoreMeter, Scores

__all__ = [
    "Evaluation",
    "RunComparison",
    "check_classes",
    "compare_runs",
    "evaluate_run",
    "open_for",
]

SCORES, CONFUSION, WORST = "scores.json", "confusion.png", "worst.png"
_RUN, _PICTURES = "run.json", "pictures.json"  # of a run's folder
_SHOWN = 10  # of the worst pictures


@dataclass(frozen=True, repr=False)
class Evaluation(Tabled):
    """A run's scores on a data set.

    Attributes:
        run: what was evaluated.
        scores: over all pictures together.
        confusion: pixels by class, ``(C, C)`` int64; rows: label, columns: predicted.
        pictures: mean IoU of each picture alone, by name; NaN where no pixel counts.
    """

    run: str
    scores: Scores
    confusion: Tensor
    pictures: Mapping[str, float]

    def worst(self, count: int = _SHOWN) -> list[str]:
        """Name the pictures of the lowest mean IoU, the lowest first."""
        scored = {name: iou for name, iou in self.pictures.items() if iou == iou}
        return sorted(scored, key=scored.__getitem__)[:count]

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers and lists, for JSON; None where a score is not defined."""
        return {
            "run": self.run,
            "miou": _plain(self.scores.miou),
            "boundary_miou": _plain(self.scores.boundary_miou),
            "pixel_accuracy": _plain(self.scores.pixel_accuracy),
            "iou": _plain(self.scores.iou),
            "boundary_iou": _plain(self.scores.boundary_iou),
            "confusion": self.confusion.tolist(),
            "pictures": _plain(dict(self.pictures)),
        }

    def _table(self) -> Table:
        shares = self.confusion.sum(1) / self.confusion.sum().clamp(min=1)
        rows = [
            (name, iou, self.scores.boundary_iou[name], share)
            for (name, iou), share in zip(self.scores.iou.items(), shares.tolist())
        ]
        mean = ("mean", self.scores.miou, self.scores.boundary_miou, 1.0)
        columns = (
            Column("class", lambda row: row[0]),
            _score("IoU", 1),
            _score("boundary IoU", 2),
            _score("share of label", 3),
        )
        worst = [f"{name} {self.pictures[name]:.3f}" for name in self.worst(3)]
        notes = (
            f"Pixel accuracy {self.scores.pixel_accuracy:.3f}.",
            f"Lowest mean IoU of a picture: {', '.join(worst) or 'none counts'}.",
        )
        many = "s" * (len(self.pictures) != 1)
        title = f"Scores of {self.run} on {len(self.pictures)} picture{many}"
        return Table(title, columns, rows, notes, mean)


@dataclass(frozen=True, repr=False)
class RunComparison(Tabled):
    """Two runs on the same pictures.

    Attributes:
        one, other: the evaluations; differences are those of `one` less `other`.
    """

    one: Evaluation
    other: Evaluation

    @property
    def leads(self) -> tuple[int, int]:
        """On how many pictures each has the higher mean IoU."""
        pairs = [
            (value, self.other.pictures[name])
            for name, value in self.one.pictures.items()
        ]
        return sum(a > b for a, b in pairs), sum(b > a for a, b in pairs)

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers and lists, for JSON."""
        return {
            "one": self.one.to_dict(),
            "other": self.other.to_dict(),
            "leads": list(self.leads),
        }

    def _table(self) -> Table:
        one, other = self.one.scores, self.other.scores
        rows = [(f"IoU of {name}", one.iou[name], other.iou[name]) for name in one.iou]
        rows += [
            ("boundary IoU", one.boundary_miou, other.boundary_miou),
            ("pixel accuracy", one.pixel_accuracy, other.pixel_accuracy),
        ]
        columns = (
            Column("score", lambda row: row[0]),
            _score(self.one.run, 1),
            _score(self.other.run, 2),
            Column(
                "difference",
                lambda row: f"{row[1] - row[2]:+.3f}",
                is_number=True,
                value=lambda row: row[1] - row[2],
            ),
        )
        first, second = self.leads
        count = len(self.one.pictures)
        notes = (
            f"Of {count} pictures {self.one.run} has the higher mean IoU on {first}, "
            f"{self.other.run} on {second}.",
        )
        title = f"{self.one.run} against {self.other.run}"
        return Table(title, columns, rows, notes, ("mean IoU", one.miou, other.miou))


def _score(heading: str, place: int) -> Column:
    return Column(
        heading,
        lambda row: f"{row[place]:.3f}",
        is_number=True,
        value=lambda row: row[place],
    )


def _plain(value: Any) -> Any:
    """Put None in the place of NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return None if math.isnan(value) else value


# --- what is scored ---------------------------------------------------------------


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
    side = {} if has_parts(text) else _sides(predictor).get(part, {})
    if not side:
        return _open(predictor, text, options)
    data = _open(predictor, text, {**options, "part": None})
    chosen = _among(data, side)
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
        return Plan.read(predictor.folder / _RUN)
    except (OSError, ValueError):
        return None  # its weights can be scored all the same


def _sides(predictor: Predictor) -> dict[str, dict[str, int]]:
    """Read the bytes of the pictures on both sides of a run; empty if not known."""
    if predictor.folder is None:
        return {}
    try:
        return dict(json.loads((predictor.folder / _PICTURES).read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def _among(data: Any, side: Mapping[str, int]) -> list[int]:
    """Find the pictures that stand on a side of a run, by name and bytes."""
    files = getattr(data, "files", ())
    return [
        index
        for index, (name, pair) in enumerate(zip(data.names if files else (), files))
        if side.get(name) == sum(file.stat().st_size for file in pair)
    ]


def _warn_of_trained(predictor: Predictor, name: str, source: Any) -> None:
    """Say how many pictures a run has trained on, which flatter it."""
    sides = _sides(predictor)
    trained, held_out = (
        len(_among(source, sides.get(part, {}))) for part in ("train", "val")
    )
    if trained:
        remedy = ": --part val scores the held-out ones" if held_out else ""
        warnings.warn(
            f"{name} trained on {trained} of these {len(source)} pictures{remedy}",
            stacklevel=3,
        )


# --- scores -----------------------------------------------------------------------


def evaluate_run(
    run: str | os.PathLike[str] | Predictor,
    source: Any,
    *,
    name: str | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Evaluation:
    """Score a run's predictions.

    Args:
        run: its folder, a file of weights, or a predictor.
        source: a data set, or its text as `open_for` takes it: raw pairs, images from 0
            to 1 and labels, both at their own size, with `classes` and `names`.
        name: what to call the run; its folder if None.
        out: a folder that gets ``scores.json``, ``confusion.png`` and ``worst.png``;
            what is there by these names is replaced.
        progress: whether to show a bar.

    Raises:
        FileNotFoundError: if there is no such run or data set.
        ValueError: if the classes of the data are not the network's, a pair is
            faulty, or no pixel counts.
        OSError: if a file cannot be written.

    Warns:
        UserWarning: if the run trained on some of these pictures.
    """
    predictor = run if isinstance(run, Predictor) else Predictor.load(run)
    if name is None:
        name = type(predictor.model).__name__ if run is predictor else str(run)
    if isinstance(source, str):
        source = open_for(predictor, source)
    classes, ignored = predictor.network.classes, source.ignore_index
    check_classes(name, classes, source.classes)
    out = None if out is None else Path(out).expanduser()
    if out is not None:
        make_folder(out)  # before the time is spent
    _warn_of_trained(predictor, name, source)
    names = getattr(source, "names", None) or [str(i) for i in range(len(source))]
    meter = ScoreMeter(classes, ignore_index=ignored)
    pictures = {}
    for index in tqdm(range(len(source)), unit="picture", disable=not progress):
        image, label = source[index]
        pair = predictor(image).label[None], label[None]
        meter.update(*pair)
        alone = ScoreMeter(classes, ignore_index=ignored, boundary=False)
        alone.count(*pair)
        pictures[names[index]] = alone.compute().miou
    if not meter.confusion.any():
        raise ValueError(
            "no pixel of these pictures counts, so that nothing can be scored: say "
            "which values of their masks are classes (--classes, or --mask-values)"
        )
    found = Evaluation(name, meter.compute(), meter.confusion, pictures)
    if out is not None:
        _write(found, out, predictor, source, names)
    return found


def compare_runs(one: Evaluation, other: Evaluation) -> RunComparison:
    """Hold two evaluations against each other.

    Raises:
        ValueError: if they are of other pictures or other classes.
    """
    if one.pictures.keys() != other.pictures.keys():
        raise ValueError(
            f"{one.run} and {other.run} were evaluated on other pictures: compare runs "
            "on the same data"
        )
    check_classes(one.run, one.scores.iou, other.scores.iou, whose=other.run)
    return RunComparison(one, other)


def check_classes(
    run: str, known: Iterable[str], given: Iterable[str], *, whose: str | None = None
) -> None:
    """Refuse classes that are not those of a run, in its order.

    Args:
        run: what to call it.
        known: its classes.
        given: those of the data, or of another run.
        whose: what to call that other run.

    Raises:
        ValueError: saying what differs.
    """
    known, given = list(known), list(given)
    if known == given:
        return
    missing = [name for name in known if name not in given]
    foreign = [name for name in given if name not in known]
    parts = [f"lack {', '.join(map(repr, missing))}"] if missing else []
    parts += [f"have {', '.join(map(repr, foreign))} besides"] if foreign else []
    what = " and ".join(parts) or "have them in another order"
    others, remedy = (
        ("the data", "name them alike and in this order (--classes, or --mask-values)")
        if whose is None
        else (f"those of {whose}", "only runs of the same classes can be compared")
    )
    raise ValueError(
        f"{run} knows the classes {','.join(known)}, and {others} {what}: {remedy}"
    )


def _write(
    found: Evaluation, out: Path, predictor: Predictor, source: Any, names: list[str]
) -> None:
    from simseg_core.figures import draw_confusion, draw_predicted

    network = predictor.network
    assert network.palette is not None
    with replacing(out / SCORES) as beside:
        beside.write_text(json.dumps(found.to_dict(), indent=2) + "\n", "utf-8")
    confusion = draw_confusion(found.confusion, network.classes)
    worst = {}
    for name in found.worst():
        image, label = source[names.index(name)]
        title = f"{name}: mean IoU {found.pictures[name]:.3f}"
        worst[title] = image, label, predictor(image).label
    figures = {CONFUSION: confusion}
    if worst:
        figures[WORST] = draw_predicted(
            worst,
            classes=network.classes,
            palette=network.palette,
            ignore_index=source.ignore_index,
        )
    for file, figure in figures.items():
        with replacing(out / file) as beside:
            about = {"Title": found.run, "Description": figure.alt_text}
            figure.savefig(beside, format="png", metadata=about)
