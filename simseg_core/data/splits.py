"""Which pictures train and which are held out: by share, by place, or by lists.

Tiles of one place, frames of one film and slices of one patient show the same thing:
held out beside each other, they make a network look better than it is. `group` keeps
them together.
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

__all__ = ["split"]

_SHOWN = 5  # names in an error


def split(
    names: Sequence[str],
    *,
    share: float = 0.2,
    seed: int = 0,
    group: str | None = None,
    lists: tuple[str | Path, str | Path] | None = None,
) -> tuple[list[int], list[int]]:
    """Split a data set in two: its names -> indices for training and validation.

    The split depends on the names and the seed alone, not on their order. A picture
    that is added later moves few of the others.

    Args:
        names: one a sample, each once, such as `FolderDataset.names`.
        share: of the samples that validation gets, above 0 and below 1.
        seed: another seed gives another split.
        group: a regular expression that is searched for in each name; its first group,
            or the whole match if it has none, is the sample's place. All samples of a
            place go to the same side, and validation gets as near to `share` as whole
            places allow.
        lists: two text files with a name a line, for training and validation, in place
            of all the above. A name may carry its file's ending. Names in neither list
            are in neither side.

    Returns:
        Indices into `names`, ascending: for training, for validation.

    Raises:
        ValueError: if a name is there twice, a side would be empty, `group` does not
            match a name or is no regular expression, or a list holds what is not among
            the names or in the other list.
        FileNotFoundError: if a list is missing.

    >>> split(["a1", "a2", "b1", "b2", "c1"], group="[a-z]")
    ([0, 1, 2, 3], [4])
    """
    index = {name: i for i, name in enumerate(names)}
    if len(index) < len(names):
        twice = next(name for i, name in enumerate(names) if index[name] != i)
        raise ValueError(f"the name {twice!r} is there twice: a split needs each once")
    if lists is not None:
        train, val = (_read(Path(file), index) for file in lists)
        both = [name for name in train if name in set(val)]
        if both:
            raise ValueError(
                f"{lists[0]} and {lists[1]} both hold {_some(both)}: keep it in one"
            )
    else:
        if not 0 < share < 1:
            raise ValueError(
                f"share={share} is no part of the samples: give one above 0 and below "
                "1, such as 0.2"
            )
        if len(names) < 2:
            raise ValueError(
                f"{len(names)} sample is too few to split: train and validation need "
                "one each"
            )
        val = _held_out(names, share * len(names), seed, group)
        train = [name for name in names if name not in set(val)]
    return sorted(index[name] for name in train), sorted(index[name] for name in val)


def _held_out(
    names: Sequence[str], target: float, seed: int, group: str | None
) -> list[str]:
    """Choose the names for validation, `target` in number or as near as may be."""
    goal = min(max(round(target), 1), len(names) - 1)
    if group is None:
        return sorted(names, key=lambda name: _draw(name, seed))[:goal]
    places = _places(names, group)
    if len(places) < 2:
        raise ValueError(
            f"group={group!r} finds one place, {next(iter(places))!r}, in every name: "
            "write one that tells places apart"
        )
    # The sums that the first places of a random order can reach, until one hits: the
    # subset-sum problem, which is small here, since no sum above twice the goal and
    # none that leaves nothing to train on is of use.
    least = min(map(len, places.values()))
    most = min(max(2 * goal, least), len(names) - 1)
    # Samples -> those without the last place that was taken, and that place.
    reached: dict[int, tuple[int, str]] = {0: (0, "")}
    for place in sorted(places, key=lambda place: _draw(place, seed)):
        for have in list(reached):
            if have + len(places[place]) <= most:
                reached.setdefault(have + len(places[place]), (have, place))
        if goal in reached:
            break
    size = min((n for n in reached if n), key=lambda n: (abs(n - target), n))
    chosen = []
    while size:
        size, place = reached[size]
        chosen += places[place]
    return chosen


def _places(names: Sequence[str], group: str) -> dict[str, list[str]]:
    """Sort names by the place that is found in them."""
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise ValueError(
            f"group={group!r} is no regular expression: {error}"
        ) from error
    places: dict[str, list[str]] = {}
    unmatched = []
    for name in names:
        match = pattern.search(name)
        place = match and (match[1] if pattern.groups else match[0])
        if place:
            places.setdefault(place, []).append(name)
        else:
            unmatched.append(name)
    if unmatched:
        raise ValueError(
            f"group={group!r} finds no place in {_some(unmatched)}: write one that "
            "finds one in every name"
        )
    return places


def _draw(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()


def _read(file: Path, index: dict[str, int]) -> list[str]:
    """Read a list of names; an ending or a folder before the name is left out."""
    if not file.is_file():
        raise FileNotFoundError(f"no list {file}: it is a text file with a name a line")
    lines = [line.strip() for line in file.read_text("utf-8-sig").splitlines()]
    found: dict[str, None] = {}
    unknown = []
    for line in filter(None, lines):
        forms = (line, Path(line).name, Path(line).stem)
        name = next((form for form in forms if form in index), None)
        if name is None:
            unknown.append(line)
        else:
            found[name] = None
    if unknown:
        raise ValueError(
            f"{file} holds {_some(unknown)}, but none of the {len(index)} samples has "
            f"such a name: they are written like {next(iter(index), '')!r}"
        )
    if not found:
        raise ValueError(f"{file} names no sample: write a name a line")
    return list(found)


def _some(names: Sequence[str]) -> str:
    """Write the first names, and how many more there are."""
    shown = ", ".join(names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{shown}{more}"
