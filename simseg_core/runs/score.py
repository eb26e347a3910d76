"""How good a run's predictions are, on any data set of the same classes."""

import json
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from simseg_core.runs.evaluation import Evaluation, RunComparison
from simseg_core.runs.folder import check_free, make_folder, replacing
from simseg_core.runs.predict import Predictor
from simseg_core.runs.scored_pictures import among, open_for, sides_of
from simseg_core.training.metrics import ScoreMeter

__all__ = ["check_classes", "compare_runs", "evaluate_run"]

SCORES, CONFUSION, WORST = "scores.json", "confusion.png", "worst.png"


def evaluate_run(
    run: str | os.PathLike[str] | Predictor,
    source: Any,
    *,
    name: str | None = None,
    out: str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: bool = False,
) -> Evaluation:
    """Score a run's predictions.

    Args:
        run: its folder, a file of weights, or a predictor.
        source: a data set, or its text as `open_for` takes it: raw pairs, images from 0
            to 1 and labels, both at their own size, with `classes` and `names`.
        name: what to call the run; its folder if None.
        out: a folder that gets ``scores.json``, ``confusion.png`` and ``worst.png``.
        force: whether files of these names may be replaced there.
        progress: whether to show a bar.

    Raises:
        FileNotFoundError: if there is no such run or data set.
        FileExistsError: if a file would be replaced.
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
        if not force:
            check_free(out / name for name in (SCORES, CONFUSION, WORST))
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


def _warn_of_trained(predictor: Predictor, name: str, source: Any) -> None:
    """Say how many pictures a run has trained on, which flatter it."""
    sides = sides_of(predictor)
    trained, held_out = (
        len(among(source, sides.get(part, {}))) for part in ("train", "val")
    )
    if trained:
        remedy = ": --part val scores the held-out ones" if held_out else ""
        warnings.warn(
            f"{name} trained on {trained} of these {len(source)} pictures{remedy}",
            stacklevel=3,
        )
