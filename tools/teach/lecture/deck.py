"""Which cells of a chapter are on a slide, and what of them.

A cell is on the slides if it has a slide type, the metadata that JupyterLab's property
inspector and nbconvert know: `slide` begins a column of slides, `subslide` the next one
below, `fragment` joins the slide before it when a key is pressed, and an explicit `-`
joins it at once. What has no type is no slide; its prose is in the speaker's notes,
and `skip` leaves out that as well. A chapter without any type gets types by its
structure.

A slide is no page: of prose it takes what is bold, or the first sentences, or exactly
the sentences that the cell's metadata quotes as `{"simseg": {"slide": [...]}}`. All are
the chapter's own words, so that a number on a slide is one that the chapter asserts. A
figure far below the heading that it belongs to may have a `slide_title` there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Cell = dict[str, Any]

WORDS = 42  # on a slide, without its heading
LIST_WORDS = 50  # the same, of a list or a table
CLAIMS = 8  # on a slide
CLAIMS_HEADING = "What the run showed"
LINES = 14  # of code on a slide
LINES_WITH_OUTPUT = 12
FEW = 32  # words: fewer are written larger

HEADING = re.compile(r"^#{1,3} (.+)$", re.M)
FORMULA = re.compile(r"^\$\$.*?\$\$$", re.M | re.S)
LEAD = re.compile(r"^\*\*(.+?)\*\*$", re.M)  # a heading that is none
ITEM = re.compile(r"^(?:[-*]|\d+\.) ")
INNER_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]*\)")
SENTENCE_ENDS = re.compile(r"(?:(?<=[.?!])|(?<=[.?!]\*\*)) +(?=[A-Z0-9*`$(])")
CLAIM = re.compile(r"^(NOT )?shown.*?: (.+)$", re.M)
GUESS = re.compile(r"^(.+?): (.+) \(your guess: .*\)$", re.M)

# Sections that are read, or done at a desk, and not shown.
AT_A_DESK = ("Your own pictures", "Where it differs from", "The same ")


@dataclass
class Slide:
    """One slide.

    Attributes:
        kind: `slide` or `subslide`.
        heading: Markdown of one line.
        words: Markdown.
        exhibits: code cells that are shown, each with what of it (`figure`, `code`,
            `claims` or `answers`) and whether it waits for a key.
        notes: Markdown for the speaker.
    """

    kind: str
    heading: str
    words: list[str] = field(default_factory=list)
    exhibits: list[tuple[Cell, str, bool]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def text(cell: Cell) -> str:
    """Return a cell's source as one string."""
    return "".join(cell["source"])


def slide_type(cell: Cell) -> str:
    """Return a cell's slide type, "" if it has none."""
    kind: str = cell["metadata"].get("slideshow", {}).get("slide_type", "")
    return kind


def make_deck(cells: Sequence[Cell]) -> list[Slide]:
    """Return the slides of a chapter, whose code cells hold their outputs.

    Raises:
        ValueError: if a cell is tagged that fits no slide, or quotes what it does not
            say.
    """
    if not any(slide_type(cell) for cell in cells):
        tag_by_structure(cells)
    slides: list[Slide] = []
    waiting: list[str] = []
    heading = ""
    for cell in cells:
        found = heading_of(cell)
        heading = found or heading
        kind = slide_type(cell)
        if kind in ("slide", "subslide"):
            begun = list(begin(cell, kind, heading))
            slides += begun
            begun[0].notes, waiting = [*waiting, *begun[0].notes], []
        elif kind in ("fragment", "-"):
            if not slides:
                raise ValueError(f"cell {cell['id']} joins a slide, and there is none")
            target = host(cell, slides)
            if target is None:
                slides.append(target := Slide("subslide", CLAIMS_HEADING))
            join(cell, target, waits=kind == "fragment")
        elif kind != "skip" and cell["cell_type"] == "markdown":
            # A heading opens what comes next; anything else follows what was shown.
            (waiting if found or not slides else slides[-1].notes).append(prose(cell))
    return slides


def heading_of(cell: Cell) -> str:
    """Return a cell's last heading, "" if it has none.

    What stands bold on a line of its own, as on a chapter's first screen, is one.
    """
    if cell["cell_type"] == "code":
        return ""
    found = HEADING.findall(text(cell)) or LEAD.findall(text(cell))[:1]
    return found[-1] if found else ""


def begin(cell: Cell, kind: str, heading: str) -> Iterator[Slide]:
    """Give the slides of a cell that begins one: several if it is a long list."""
    if cell["cell_type"] == "code":
        own = cell["metadata"].get("simseg", {}).get("slide_title")
        titles = {"claims": CLAIMS_HEADING, "answers": "What did you guess?"}
        slide = Slide(kind, own or titles.get(exhibit(cell), heading))
        join(cell, slide, waits=False)
        yield slide
        return
    pages = pages_of(cell)
    for number, page in enumerate(pages, start=1):
        counted = f" ({number}/{len(pages)})" if len(pages) > 1 else ""
        slide = Slide(kind if number == 1 else "subslide", heading + counted, [page])
        if number == 1:
            slide.notes.append(prose(cell))
        yield slide


def host(cell: Cell, slides: Sequence[Slide]) -> Slide | None:
    """Return the slide that a cell joins: of claims the last ones of their column.

    None if those have no room for more.
    """
    if cell["cell_type"] == "code" and exhibit(cell) == "claims":
        for slide in reversed(slides):
            there = [one for one, how, _ in slide.exhibits if how == "claims"]
            if there:
                many = sum(len(CLAIM.findall(printed(one))) for one in [*there, cell])
                return slide if many <= CLAIMS else None
            if slide.kind == "slide":
                break
    return slides[-1]


def join(cell: Cell, slide: Slide, waits: bool) -> None:
    """Put a cell on a slide that has begun."""
    if cell["cell_type"] == "markdown":
        slide.words += pages_of(cell)[:1]
        slide.notes.append(prose(cell))
        return
    how = exhibit(cell)
    if how == "figure":
        slide.words.append(cell["metadata"]["mystnb"]["figure"]["caption"])
    elif how == "code" and short_code(text(cell)) is None:
        raise ValueError(
            f"cell {cell['id']} has too many lines for a slide, which takes {LINES}: "
            "take its slide type away, or split the cell"
        )
    slide.exhibits.append((cell, how, waits))


def exhibit(cell: Cell) -> str:
    """Say what of a code cell a slide shows."""
    if "figure" in cell["metadata"].get("mystnb", {}):
        return "figure"
    said = printed(cell)
    if CLAIM.search(said):
        return "claims"
    return "answers" if GUESS.search(said) else "code"


def printed(cell: Cell) -> str:
    """Return what a cell printed."""
    return "".join("".join(one.get("text", "")) for one in cell["outputs"])


def short_code(source: str) -> str | None:
    r"""Return a cell's code as far as a slide takes it, None if it takes none.

    Of a cell that is too long the definitions are left, of a class its `forward`.

    >>> short_code("x = 1")
    'x = 1'
    >>> long = "class A:\n    def forward(self):\n        ..." + "\nx = 1" * 14
    >>> print(short_code(long))
    class A:
        ...
    <BLANKLINE>
        def forward(self):
            ...
    """
    lines = source.rstrip().split("\n")
    if len(lines) <= LINES:
        return "\n".join(lines)
    kept: list[str] = []
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a magic of IPython's
        return None
    for node in tree.body:
        found = definition(node, lines)
        if found and len(kept) + len(found) + bool(kept) <= LINES:
            kept += [""] * bool(kept) + found
    return "\n".join(kept) or None


def definition(node: ast.stmt, lines: Sequence[str]) -> list[str]:
    """Return the lines of a function, or of a class with its `forward`."""
    if isinstance(node, ast.FunctionDef):
        return list(lines[node.lineno - 1 : node.end_lineno])
    if not isinstance(node, ast.ClassDef):
        return []
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "forward":
            body = lines[method.lineno - 1 : method.end_lineno]
            return [lines[node.lineno - 1], "    ...", "", *body]
    return []


# --- words ----------------------------------------------------------------------------


def prose(cell: Cell) -> str:
    """Return a cell's Markdown for the notes: no heading, no link inside the book."""
    return INNER_LINK.sub(r"\1", HEADING.sub("", text(cell))).strip()


def pages_of(cell: Cell) -> list[str]:
    """Return what the slides of a Markdown cell say, in Markdown."""
    said = prose(cell)
    quoted = cell["metadata"].get("simseg", {}).get("slide")
    if quoted is not None:
        flat = " ".join(said.split())
        for sentence in quoted:
            if " ".join(sentence.split()) not in flat:
                raise ValueError(f"cell {cell['id']} does not say {sentence!r}")
        return ["\n\n".join(quoted)]
    lines = said.split("\n")
    if any(line.startswith("|") for line in lines):
        table = [line for line in lines if line.startswith("|")]
        return ["\n".join([*table[:2], *rows]) for rows in dealt(table[2:])]
    items = [line for line in lines if ITEM.match(line)]
    if items and items[0].startswith("1."):
        # One question at a time: a list that begins with its own number.
        return [re.sub(r"^\d+\. ", "", item) for item in items]
    if len(items) > 1:
        return ["\n".join(some) for some in dealt(items)]
    is_title = text(cell).startswith("# ")
    return [key_sentences(said, from_the_end=is_title)]


def count_words(words: str) -> int:
    """Count the words of some Markdown, a formula as one."""
    return len(re.sub(r"\$.*?\$", "x", words.replace("|", " "), flags=re.S).split())


def dealt(items: Sequence[str]) -> list[list[str]]:
    """Deal items to slides, in order, about evenly and at most `LIST_WORDS` on each."""
    sizes = [count_words(item) for item in items]
    least = -(-sum(sizes) // LIST_WORDS)
    share = min(sum(sizes) / least + max(sizes) / 2, LIST_WORDS)
    slides: list[list[str]] = [[]]
    taken = 0
    for item, size in zip(items, sizes, strict=True):
        if slides[-1] and taken + size > share:
            slides.append([])
            taken = 0
        slides[-1].append(item)
        taken += size
    return slides


def key_sentences(said: str, from_the_end: bool = False) -> str:
    """Return sentences that fit, those with bold words or the first, and a formula.

    Args:
        said: Markdown.
        from_the_end: the last sentences in their place: a chapter's question is there.
    """
    formula = FORMULA.search(said)
    paragraphs = FORMULA.sub("", said).split("\n\n")
    sentences = [
        sentence.strip()
        for paragraph in paragraphs
        for sentence in SENTENCE_ENDS.split(" ".join(paragraph.split()))
        if sentence.strip()
    ]
    bold = [sentence for sentence in sentences if "**" in sentence]
    kept: list[str] = []
    for sentence in sentences[::-1] if from_the_end else bold or sentences:
        if kept and count_words(" ".join([*kept, sentence])) > WORDS:
            break
        kept.append(sentence)
    kept = kept[::-1] if from_the_end else kept
    return "\n\n".join([" ".join(kept)] + ([formula[0]] if formula else []))


# --- a chapter that says nothing of slides --------------------------------------------


def tag_by_structure(cells: Sequence[Cell]) -> None:
    """Give a chapter's cells slide types by what they are.

    The question with its picture, the goals, the questions to predict, each version
    with its code, each figure with its finding, the claims, the exercises, the recap.
    """
    for section in sections(cells):
        first = text(section[0])
        found = HEADING.search(first)
        name = found[1] if found else ""
        if name.startswith(AT_A_DESK):
            continue
        shown = list(chosen(section, name))
        for number, (cell, kind) in enumerate(shown):
            kind = "slide" if number == 0 and kind == "subslide" else kind
            if name == "Exercises" and number == 0:
                cell["metadata"].setdefault("simseg", {})["slide"] = []  # its heading
            cell["metadata"]["slideshow"] = {"slide_type": kind}


def sections(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Split a chapter before each heading of the first or second level."""
    split: list[list[Cell]] = []
    for cell in cells:
        opens = cell["cell_type"] == "markdown" and text(cell).startswith(("# ", "## "))
        if opens or not split:
            split.append([])
        split[-1].append(cell)
    return split


def chosen(section: Sequence[Cell], name: str) -> Iterator[tuple[Cell, str]]:
    """Give the cells of a section that are shown, with a slide type each."""
    shows_code = name in ("Build it", "What goes wrong") or name.startswith("Build ")
    says_all = name in ("Predict first", "Recap", "Exercises")
    has_exhibit = any(
        exhibit(cell) != "code" for cell in section if cell["cell_type"] == "code"
    )
    wants_code, any_claims = False, False
    for cell in section:
        source = text(cell)
        if cell["cell_type"] == "markdown":
            opens = bool(HEADING.search(source))
            at_a_glance = cell["metadata"].get("simseg", {}).get("block")
            if name == "Exercises" and source.startswith("**"):
                yield cell, "-"
            elif at_a_glance or (opens and (shows_code or says_all or not has_exhibit)):
                yield cell, "subslide"
                wants_code = shows_code
            elif opens and source.startswith("# "):
                yield cell, "slide"
            continue
        how = exhibit(cell)
        if how in ("figure", "answers"):
            yield cell, "subslide"
        elif how == "claims":
            yield cell, "-" if any_claims else "subslide"
            any_claims = True
        elif wants_code and ("def " in source) and short_code(source):
            yield cell, "-"
            wants_code = False
