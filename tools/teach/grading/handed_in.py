"""A notebook that was handed in, sorted by what its cells are in the source."""

from dataclasses import dataclass, field

import nbformat

from teach.assignments.source import Source

LONGEST = 1_000_000  # letters of all answers and added cells


@dataclass
class HandedIn:
    """What was handed in, by the source's cells.

    Attributes:
        answers: Name of an answer -> what stands in its cell, or in all of that name.
        number: What stands in the cell of the student's number.
        extra: Name of a cell -> code cells that the student added behind it. Text
            that was added behind an answer in words is part of it.
        notes: What is odd about it.
    """

    answers: dict[str, str] = field(default_factory=dict)
    number: str = ""
    extra: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_notebook(source: Source, data: bytes) -> HandedIn:
    """Sort the cells of a notebook by what they are in the source.

    Raises:
        Exception: The bytes are no notebook; of what kind depends on where they fail.
    """
    notebook = nbformat.reads(data.decode("utf-8-sig"), as_version=4)
    known = {cell.name: cell for cell in source.cells if cell.name}
    texts = {cell.code.strip() for cell in source.cells if cell.kind == "text"}
    handed, behind = HandedIn(), ""
    seen: set[str] = set()
    for cell in notebook.cells:
        text = cell.source if isinstance(cell.source, str) else "".join(cell.source)
        text = text.replace("\r\n", "\n")
        meta = cell.metadata.get("nbgrader", {})
        name = meta.get("grade_id", "") if isinstance(meta, dict) else ""
        ours = known.get(name) if isinstance(name, str) else None
        if ours is None:
            is_written = behind in known and known[behind].kind == "written"
            if cell.cell_type == "code" and text.strip():
                handed.extra.setdefault(behind, []).append(text)
            elif is_written and text.strip() not in texts:
                handed.answers[behind] += f"\n\n{text}"
            continue
        if ours.kind in ("answer", "written"):
            before = handed.answers.get(name)
            handed.answers[name] = text if before is None else f"{before}\n{text}"
            if before is not None:
                handed.notes.append(f"the cell {name} stands twice; both were run")
        elif ours.kind == "number":
            handed.number = text
        elif ours.kind in ("seen", "given") and text.strip() != ours.code.strip():
            handed.notes.append(f"the cell {name} was changed; the original counts")
        seen.add(name)
        behind = name
    lost = [cell.name for cell in source.cells if cell.name and cell.name not in seen]
    if lost:
        handed.notes.append(f"cells are missing: {', '.join(lost)}")
    code = [*handed.answers.values(), *(c for cs in handed.extra.values() for c in cs)]
    if sum(map(len, code)) > LONGEST:
        raise ValueError(f"its answers have over {LONGEST:,} letters")
    return handed
