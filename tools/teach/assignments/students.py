"""Who a student is: a number of their own, and the file that they handed in.

The number follows from the student's name, the assignment and the teacher's secret.
With it come other data and other tasks: what another student found does not fit.
"""

import csv
import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from teach.assignments.source import ASSIGNMENTS

SECRET = ASSIGNMENTS / "secret.txt"
_EMPTY = "was found in the folder"
LARGEST = 20 * 2**20  # bytes of a notebook; one with figures has about 2


@dataclass(frozen=True)
class Submission:
    """What a student handed in.

    Attributes:
        student: As the roster, or the file or folder, names them.
        data: The notebook's bytes; empty if there is none that can be read.
        note: What was found instead, or beside it.
    """

    student: str
    data: bytes = b""
    note: str = ""


def read_secret(path: Path = SECRET) -> bytes:
    """Read the teacher's secret; the first call makes it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
        print(
            f"== a new secret, from which students' numbers follow: {path}\n"
            "   Keep a copy where the class is kept: without it nothing can be graded."
        )
    secret = path.read_text().strip()
    if len(secret) < 16:
        raise ValueError(
            f"{path} holds no secret of 16 letters or more. Remedy: bring back its "
            "copy, or delete it for a new one, if nothing has been handed out yet."
        )
    return secret.encode()


def number_of(student: str, assignment: str, secret: bytes) -> int:
    """Give the number from which a student's data and tasks follow.

    >>> ada, secret = "Ada ", b"0123456789abcdef"
    >>> number_of(ada, "03_unet", secret) == number_of("ada", "03_unet", secret)
    True
    """
    text = f"{assignment}\n{_folded(student)}".encode()
    digest = hmac.new(secret, text, hashlib.sha256).digest()
    return int.from_bytes(digest[:8]) % 900_000_000 + 100_000_000


def read_roster(path: Path) -> list[str]:
    """Read the students of a class: the first column of a CSV, or one a line.

    Raises:
        ValueError: Two students have one name, or there are none.
    """
    rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    names = [row[0].strip() for row in rows if row and row[0].strip()]
    if names and names[0].lower() in ("id", "student", "student_id", "name"):
        names = names[1:]
    twice = [name for name, n in Counter(map(_folded, names)).items() if n > 1]
    if twice or not names:
        what = f"{twice[0]!r} stands twice in" if twice else "no student stands in"
        raise ValueError(f"{what} {path}: its first column names each student once.")
    unfit = [name for name in names if not _is_name(name)]
    if unfit:
        raise ValueError(
            f"{unfit[0]!r} in {path} cannot be the name of a file: students are named "
            "by letters, figures, and . _ - @ + or blanks between them."
        )
    return names


def find_submissions(
    folder: Path, assignment: str, roster: Iterable[str] = ()
) -> list[Submission]:
    """Read all that a class handed in, before any of it is run.

    A student is a file `ada.ipynb`, or a folder `ada/` with the notebook in it, or in
    `ada/03_unet/` as nbgrader collects it; a folder `03-unet-ada` as GitHub Classroom
    names it is ada's.

    Args:
        folder: Where it lies; nothing in it is changed.
        assignment: Such as `"03_unet"`.
        roster: The class; those who handed in nothing get a row too.

    Raises:
        ValueError: There is no such folder, or nobody's notebook is in it.
    """
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is no folder. Remedy: SUBMITTED=folder of notebooks."
        )
    found: dict[str, Submission] = {}
    for entry in sorted(folder.iterdir()):
        name = _student(entry, assignment)
        if name is None:
            continue
        if _folded(name) in found:
            other = found[_folded(name)]
            more = f"two files are this student's; {entry.name} was not looked at"
            note = _joined(other.note, more)
            found[_folded(name)] = Submission(other.student, other.data, note)
        else:
            found[_folded(name)] = _read(name, entry, assignment)
    # Folders without any notebook are no class: somebody named the wrong folder.
    if all(one.note.endswith(_EMPTY) for one in found.values()):
        raise ValueError(
            f"nobody's notebook is in {folder}. It should hold STUDENT.ipynb, or "
            f"STUDENT/{assignment}.ipynb."
        )
    known = {_folded(name): name for name in roster}
    if not known:
        return list(found.values())
    rows = [
        found.pop(key, Submission(name, note="nothing was handed in"))
        for key, name in known.items()
    ]
    return rows + [
        Submission(one.student, one.data, _joined(one.note, "is not in the roster"))
        for one in found.values()
    ]


def _student(entry: Path, assignment: str) -> str | None:
    """Name whose an entry of the folder is; None if it is nobody's."""
    if entry.name.startswith("."):
        return None
    if entry.suffix == ".ipynb":
        return re.sub(rf"[-_ ]{assignment}$", "", entry.stem) or None
    if entry.is_dir() or entry.is_symlink():
        return entry.name.removeprefix(f"{assignment.replace('_', '-')}-") or None
    return None


def _read(student: str, entry: Path, assignment: str) -> Submission:
    note, path = "", entry
    if entry.is_dir() and not entry.is_symlink():
        places = [
            entry / f"{assignment}.ipynb",
            entry / assignment / f"{assignment}.ipynb",
        ]
        path = next((place for place in places if os.path.lexists(place)), entry)
        if path is entry:
            others = sorted(entry.glob("*.ipynb"))
            if len(others) != 1:
                return Submission(student, note=f"no {assignment}.ipynb {_EMPTY}")
            path, note = others[0], f"the notebook is called {others[0].name}"
    if not _is_name(student):
        # What is left of a name may be another's: its hash keeps them apart.
        mark = hashlib.sha256(os.fsencode(student)).hexdigest()[:8]
        student = re.sub(r"[^\w@+ -]", "_", student)[:40] + f"_{mark}"
        note = _joined(note, "the name is too long or has signs that a file may not")
    # A link could bring in another student's notebook, or any file of the teacher's.
    try:
        if any(part.is_symlink() for part in (path, path.parent, entry)):
            return Submission(
                student, note=_joined(note, "a link was handed in, no file")
            )
        if not path.is_file():
            return Submission(student, note=_joined(note, "no file was handed in"))
        if path.stat().st_size > LARGEST:
            return Submission(
                student, note=_joined(note, f"the file has over {LARGEST >> 20} MiB")
            )
        return Submission(student, path.read_bytes(), note)
    except OSError as error:
        return Submission(
            student, note=_joined(note, f"cannot be read: {error.strerror}")
        )


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()


def _is_name(name: str) -> bool:
    fits = re.fullmatch(r"\w[\w.@+ -]{0,100}", name) and ".." not in name
    return bool(fits) and len(name.encode()) <= 200  # bytes of a file's name: 255


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
