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
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from simseg_core.data.files.faults import Fault
from simseg_core.data.files.file_pairs import IMAGES, LITTER
from simseg_core.runs.folder import check_free, make_folder, replacing
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
        skipped: how many of `done` were there before.
    """

    out: Path
    done: tuple[Path, ...]
    faults: Mapping[Path, str]
    skipped: int = 0

    def __str__(self) -> str:
        many = "s" * (len(self.done) != 1)
        before = f" ({self.skipped} of them before)" if self.skipped else ""
        text = f"{len(self.done)} picture{many} predicted{before}: {self.out}"
        return f"{text}; {len(self.faults)} could not be" if self.faults else text


def predict_files(
    predictor: Predictor,
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    overlays: bool = False,
    probabilities: bool = False,
    force: bool = False,
    skip: bool = False,
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
        skip: whether files that are there are left as they are, so that a call that
            was stopped can go on. The lines of ``shares.csv`` stay, too.
        progress: whether to show a bar.
        tell: is given a line for each picture that cannot be read; a remedy that it
            has been told is not told again.

    Raises:
        FileNotFoundError: if a source is not there, or none holds a picture.
        FileExistsError: if a file would be replaced; nothing is written then.
        ValueError: if `force` and `skip` are both said, or ``shares.csv`` is of other
            classes.
        OSError: if a result cannot be written.
        KeyboardInterrupt: after Ctrl-C, saying how many are done.
    """
    if force and skip:
        raise ValueError(
            "files that are there are replaced (--force) or left (--skip), not both"
        )
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
    _check_free(targets, out / _SHARES, may_be_there=force or skip)
    make_folder(out)
    shares = _Shares(out / _SHARES, predictor.network.classes, go_on=skip)
    done: list[Path] = []
    faults: dict[Path, Fault] = {}
    skipped = 0
    try:
        for file in tqdm(names, unit="picture", disable=not progress):
            picture = Path(names[file]).with_name(file.name).as_posix()
            missing = {
                kind: path
                for kind, path in targets[file].items()
                if not (skip and path.exists())
            }
            if not missing and picture in shares.pictures:
                skipped += 1
                done.append(file)
                continue
            try:
                prediction = _predict(predictor, file)
            except Fault as fault:
                if tell is not None:
                    is_told = fault.remedy in {each.remedy for each in faults.values()}
                    tell(f"{fault.place} {fault.what}" if is_told else str(fault))
                faults[file] = fault
                continue
            _write(prediction, missing)
            if picture not in shares.pictures:
                shares.add(picture, prediction.shares)
            done.append(file)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"stopped with {len(done)} of {len(names)} pictures predicted: --skip "
            "goes on with the others"
        ) from stop
    told = {file: str(fault) for file, fault in faults.items()}
    return PredictedFiles(out, tuple(done), told, skipped)


class _Shares:
    """The table of shares: a line a picture, on the disk once it is there.

    Args:
        file: to write.
        classes: its columns.
        go_on: whether to keep the lines that are in it.

    Attributes:
        pictures: those that have a line.

    Raises:
        ValueError: if it is to go on and has other columns.
    """

    def __init__(self, file: Path, classes: Sequence[str], *, go_on: bool) -> None:
        self._file = file
        header, kept = ["picture", *classes], []
        if go_on and file.exists():
            with file.open(newline="", encoding="utf-8") as lines:
                first, *others = list(csv.reader(lines)) or [header]
            if first != header:
                raise ValueError(
                    f"{file} has the columns {','.join(first)}, and this network gives "
                    f"{','.join(header)}: choose another folder (--out)"
                )
            # What stopped in the middle of a line left it short.
            kept = [line for line in others if len(line) == len(header)]
        self.pictures = {line[0] for line in kept}
        with replacing(file) as beside:
            self._append(beside, [header, *kept])

    def add(self, picture: str, shares: Mapping[str, float]) -> None:
        """Write the line of one picture."""
        row = [picture, *(f"{share:.6f}" for share in shares.values())]
        self._append(self._file, [row])
        self.pictures.add(picture)

    @staticmethod
    def _append(file: Path, rows: Iterable[Sequence[str]]) -> None:
        with file.open("a", newline="", encoding="utf-8") as lines:
            csv.writer(lines).writerows(rows)


def _predict(predictor: Predictor, file: Path) -> Prediction:
    """Predict one picture.

    Raises:
        Fault: what is wrong with it, and no reason to leave out the others.
    """
    try:
        image = as_picture(file)
    except Fault:
        raise
    except (ValueError, OSError) as error:
        raise Fault(f"cannot be read ({error})", place=file) from error
    try:
        return predictor(image)
    except RuntimeError as error:  # how torch says it, on any device
        if "memory" not in str(error):
            raise
        height, width = image.shape[1:]
        raise Fault(
            f"({width} x {height} pixels) needs more memory than there is",
            "give smaller tiles (--tile 512)",
            place=file,
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
    targets: Mapping[Path, Mapping[str, Path]], shares: Path, *, may_be_there: bool
) -> None:
    paths = [path for each in targets.values() for path in each.values()]
    pictures = {file.resolve() for file in targets}
    for path in paths:
        if path.resolve() in pictures:
            raise FileExistsError(
                f"{path} is one of the pictures, and would be replaced by what is "
                "predicted: choose another folder (--out)"
            )
    if not may_be_there:
        check_free([*paths, shares], or_else="leave what is there (--skip), ")


# --- which pictures ---------------------------------------------------------------


def find_pictures(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    leave_out: Iterable[Path] = (),
) -> dict[Path, str]:
    """Find pictures, and a name for the results of each.

    Args:
        sources: pictures, folders or patterns. Of folders and patterns, ``masks/``
            beside ``images/`` is left out, and what file managers write. A file counts
            once, however it was named.
        leave_out: folders below them in which nothing is looked for.

    Returns:
        Files -> their names within the folder that all sources share, sorted.

    Raises:
        FileNotFoundError: if a source is not there, or none holds a picture.
    """
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    left_out = {folder.resolve() for folder in leave_out}
    found: dict[str, Path] = {}  # by where they are
    roots = []
    for source in sources:
        root, files = _look(Path(source).expanduser(), left_out)
        roots.append(os.path.abspath(root))
        for file in files:
            found.setdefault(os.path.abspath(file), file)
    top = os.path.commonpath(roots)
    inside = {file: Path(os.path.relpath(place, top)) for place, file in found.items()}
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
    files = [
        file
        for file in map(Path, glob.glob(str(source), recursive=True))
        if file.is_file() and _is_meant(file, fixed, source, left_out)
    ]
    if not files:
        what = "no file has the form" if glob.has_magic(str(source)) else "there is no"
        raise FileNotFoundError(f"{what} {source}: give pictures or a folder of them")
    return fixed, files


def _is_meant(
    file: Path, fixed: Path, pattern: Path, left_out: Collection[Path]
) -> bool:
    """Whether a file of a pattern would be taken from a folder, too."""
    ending = pattern.suffix
    if (not ending or glob.has_magic(ending)) and file.suffix.lower() not in IMAGES:
        return False
    here = fixed
    for name in file.relative_to(fixed).parts[:-1]:
        if not _is_entered(here, name, left_out):
            return False
        here /= name
    return not _is_litter(file.name)


def _below(folder: Path, left_out: Collection[Path]) -> list[Path]:
    found = []
    seen = {folder.resolve()}  # a link may lead back up
    for place, folders, names in os.walk(folder, followlinks=True):
        here = Path(place)
        entered = [name for name in folders if _is_entered(here, name, left_out)]
        folders.clear()
        for name in sorted(entered):
            real = (here / name).resolve()
            if real not in seen:
                folders.append(name)
                seen.add(real)
        found += [
            here / name
            for name in names
            if not _is_litter(name) and Path(name).suffix.lower() in IMAGES
        ]
    return found


def _is_entered(here: Path, name: str, left_out: Collection[Path]) -> bool:
    """Whether pictures are looked for in a folder, of this name, below another."""
    if _is_litter(name) or (here / name).resolve() in left_out:
        return False
    return not (name == "masks" and (here / "images").is_dir())


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in LITTER
