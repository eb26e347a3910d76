"""Predictions of many pictures, as files: masks, overlays, probabilities, shares.

| file of the output folder | what it holds |
|---|---|
| `masks/NAME.png` | class numbers, shown in the classes' colours (PNG with a palette) |
| `overlays/NAME.jpg` | the picture under its classes' colours |
| `probabilities/NAME.npz` | `probabilities` (C, H, W) float16, and the `classes` |
| `shares.csv` | a line a picture: the share of its pixels that each class has |

Sub-folders are mirrored. NAME is the picture's, without its ending; where two pictures
of a folder differ in that alone, all of that folder keep theirs: `a.jpg.png`,
`a.png.png`.
"""

import csv
import glob
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from simseg_core.data.files.file_pairs import IMAGES, LITTER
from simseg_core.runs.checkpoint import replacing
from simseg_core.runs.predict import Prediction, Predictor, as_picture

__all__ = ["PredictedFiles", "find_pictures", "predict_files"]

_MASKS, _OVERLAYS, _PROBABILITIES = "masks", "overlays", "probabilities"
_SHARES = "shares.csv"
_ENDINGS = {_MASKS: ".png", _OVERLAYS: ".jpg", _PROBABILITIES: ".npz"}


@dataclass(frozen=True)
class PredictedFiles:
    """What came of `predict_files`.

    Attributes:
        out: the folder with the results.
        done: the pictures whose results are there.
        faults: what was wrong with each of the others.
    """

    out: Path
    done: tuple[Path, ...]
    faults: Mapping[Path, str]

    def __str__(self) -> str:
        many = "s" * (len(self.done) != 1)
        text = f"{len(self.done)} picture{many} predicted: {self.out}"
        return f"{text}; {len(self.faults)} could not be" if self.faults else text


def predict_files(
    predictor: Predictor,
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    overlays: bool = False,
    probabilities: bool = False,
    force: bool = False,
    progress: bool = False,
    tell: Callable[[str], None] | None = None,
) -> PredictedFiles:
    """Predict pictures and write what came of them.

    A picture that cannot be read is told, and the others go on.

    Args:
        predictor: of a trained network.
        sources: pictures, folders or patterns such as ``"pictures/*.jpg"``.
        out: the folder to write to; see this module for what it gets.
        overlays: whether it gets overlays, too.
        probabilities: whether it gets probabilities, too: 2 bytes a pixel and class,
            before compression.
        force: whether files that are there may be replaced.
        progress: whether to show a bar.
        tell: is given a line for each picture that cannot be read.

    Raises:
        FileNotFoundError: if a source is not there, or none holds a picture.
        FileExistsError: if a file would be replaced; nothing is written then.
        OSError: if a result cannot be written.
    """
    out = Path(out).expanduser()
    names = find_pictures(sources, leave_out=(out, *(out / kind for kind in _ENDINGS)))
    kinds = {_MASKS: True, _OVERLAYS: overlays, _PROBABILITIES: probabilities}
    targets = {
        file: {
            kind: out / kind / f"{name}{_ENDINGS[kind]}"
            for kind, wanted in kinds.items()
            if wanted
        }
        for file, name in names.items()
    }
    _check_free(targets, out / _SHARES, force)
    done, faults = [], {}
    out.mkdir(parents=True, exist_ok=True)
    with (out / _SHARES).open("w", newline="", encoding="utf-8") as shares:
        lines = csv.writer(shares)
        lines.writerow(["picture", *predictor.network.classes])
        for file in tqdm(names, unit="picture", disable=not progress):
            try:
                prediction = _predict(predictor, file)
            except _Fault as fault:
                faults[file] = str(fault)
                if tell is not None:
                    tell(str(fault))
                continue
            _write(prediction, targets[file])
            row = [f"{share:.6f}" for share in prediction.shares.values()]
            picture = Path(names[file]).with_name(file.name).as_posix()
            lines.writerow([picture, *row])
            done.append(file)
    return PredictedFiles(out, tuple(done), faults)


class _Fault(Exception):
    """What is wrong with one picture, and no reason to leave out the others."""


def _predict(predictor: Predictor, file: Path) -> Prediction:
    try:
        image = as_picture(file)
    except (ValueError, OSError) as error:
        raise _Fault(error) from error
    try:
        return predictor(image)
    except RuntimeError as error:  # how torch says it, on any device
        if "memory" not in str(error):
            raise
        height, width = image.shape[1:]
        raise _Fault(
            f"{file} ({width} x {height} pixels) needs more memory than there is: "
            "give smaller tiles (--tile 512)"
        ) from error


def _write(prediction: Prediction, targets: Mapping[str, Path]) -> None:
    for kind, path in targets.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside:
            if kind == _MASKS:
                prediction.mask().save(beside, "PNG")
            elif kind == _OVERLAYS:
                prediction.overlay().save(beside, "JPEG", quality=90)
            else:
                with beside.open("wb") as file:
                    np.savez_compressed(
                        file,
                        probabilities=prediction.probabilities.half().numpy(),
                        classes=np.array(prediction.network.classes),
                    )


def _check_free(
    targets: Mapping[Path, Mapping[str, Path]], shares: Path, force: bool
) -> None:
    paths = [path for each in targets.values() for path in each.values()]
    pictures = {file.resolve() for file in targets}
    for path in paths:
        if path.resolve() in pictures:
            raise FileExistsError(
                f"{path} is one of the pictures, and would be replaced by what is "
                "predicted: choose another folder (--out)"
            )
    there = [path for path in [*paths, shares] if path.exists()]
    if there and not force:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise FileExistsError(
            f"{there[0]}{more} would be replaced: choose another folder (--out), or "
            "say that it may be (--force)"
        )


# --- which pictures ---------------------------------------------------------------


def find_pictures(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    leave_out: Iterable[Path] = (),
) -> dict[Path, str]:
    """Find pictures, and a name for the results of each.

    Args:
        sources: pictures, folders or patterns. Of folders, ``masks/`` beside
            ``images/`` is left out, and what file managers write.
        leave_out: folders below them in which nothing is looked for.

    Returns:
        Files -> their names within the folder that all sources share, sorted.

    Raises:
        FileNotFoundError: if a source is not there, or none holds a picture.
    """
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    left_out = {folder.resolve() for folder in leave_out}
    found: dict[Path, None] = {}
    roots = []
    for source in sources:
        root, files = _look(Path(source).expanduser(), left_out)
        roots.append(root.absolute())
        found |= dict.fromkeys(files)
    top = os.path.commonpath(roots)
    inside = {file: Path(os.path.relpath(file.absolute(), top)) for file in found}
    # As a system that is blind to capitals sees them.
    stems = Counter(str(path.with_suffix("")).casefold() for path in inside.values())
    doubled = {
        path.parent
        for path in inside.values()
        if stems[str(path.with_suffix("")).casefold()] > 1
    }
    return {
        file: (path if path.parent in doubled else path.with_suffix("")).as_posix()
        for file, path in sorted(inside.items(), key=lambda item: item[1])
    }


def _look(source: Path, left_out: Collection[Path]) -> tuple[Path, list[Path]]:
    """Give a source's pictures, and the folder that their names start from."""
    if source.is_file():
        return source.parent, [source]
    if source.is_dir():
        files = _below(source, left_out)
        if not files:
            raise FileNotFoundError(
                f"no picture in {source}: those that end with {', '.join(IMAGES)} are "
                "looked for"
            )
        return source, files
    fixed = Path()
    for part in source.parts:
        if glob.has_magic(part):
            break
        fixed /= part
    files = [Path(file) for file in glob.glob(str(source), recursive=True)]
    files = [file for file in files if file.is_file()]
    if not files:
        what = "no file has the form" if glob.has_magic(str(source)) else "there is no"
        raise FileNotFoundError(f"{what} {source}: give pictures or a folder of them")
    return fixed, files


def _below(folder: Path, left_out: Collection[Path]) -> list[Path]:
    found = []
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = [
            name
            for name in folders
            if not _is_litter(name)
            and not (name == "masks" and "images" in folders)
            and (here / name).resolve() not in left_out
        ]
        found += [
            here / name
            for name in names
            if not _is_litter(name) and Path(name).suffix.lower() in IMAGES
        ]
    return found


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in LITTER
