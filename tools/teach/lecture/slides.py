"""Make a chapter's slides: ``make slides NAME=03_unet``.

nbconvert's exporter of slides writes them, with reveal.js beside them: they open from
the disk, and no request leaves the browser. What is shown comes from the chapter's
last green run (``tools/run_chapters.py``); `deck.py` says which cells are on a slide,
`wide_figure.py` how a figure fills one. Formulas are MathML, as in the book.

Keys: arrows or space go on, S opens the speaker's notes, Esc shows all slides, and
``index.html?print-pdf`` prints.

Usage: PYTHONPATH=tools python -m teach.lecture.slides NAME
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Sequence
from html import escape
from importlib import invalidate_caches
from importlib.machinery import PathFinder
from pathlib import Path
from subprocess import run
from typing import Any

import nbformat
from markdown_it import MarkdownIt
from math_core import LatexToMathML
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbconvert.exporters import SlidesExporter
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "book" / "_ext"), str(ROOT / "tools")]

from chapter_outputs import alt_text, drawing_in, read_run  # noqa: E402
from figure_strip import GAP, cut_strip  # noqa: E402
from page_figure import for_page  # noqa: E402
from run_chapters import code_cells, is_current  # noqa: E402

from teach.lecture import deck  # noqa: E402
from teach.lecture.deck import Cell, Slide, printed, short_code, text  # noqa: E402
from teach.lecture.wide_figure import fit, lay_out  # noqa: E402

TEMPLATES = Path(__file__).resolve().parent / "templates"
STATIC = ROOT / "book" / "_static"
BUILT = ROOT / "_build" / "slides"
BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')

# Where reveal.js comes from: nothing else of this package is used.
PACKAGE, WANTED = "sphinx_revealjs", "sphinx-revealjs>=3.2,<4"
KEPT = ROOT / ".ran" / "reveal"
NEEDED = (
    *("LICENSE", "dist/reset.css", "dist/reveal.css", "dist/reveal.js"),
    "plugin/notes/notes.js",
)

to_mathml = LatexToMathML(fancy_error=False).convert_with_local_state


def read_chapter(name: str) -> list[Cell]:
    """Return a chapter's cells, the code cells with the outputs of its last green run.

    Raises:
        ValueError: if there is no such chapter, or no run of its code as it is.
    """
    paths = {path.stem: path for path in sorted((ROOT / "chapters").glob("*.ipynb"))}
    if name not in paths:
        raise ValueError(f"there is no chapter {name!r}. There are: {', '.join(paths)}")
    notebook = json.loads(paths[name].read_text(encoding="utf-8"))
    if not is_current(name, code_cells(notebook)):
        raise ValueError(
            f"{name} has no green run of its code as it is now. "
            f"Remedy: make chapter NAME={name}"
        )
    ran = {cell["id"]: cell for cell in read_run(ROOT, name)[1]["cells"]}
    cells: list[Cell] = notebook["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["outputs"] = ran[cell["id"]]["outputs"]
    return cells


# --- what a slide shows ---------------------------------------------------------------


def show(cell: Cell, how: str) -> tuple[str, bool]:
    """Return what a slide shows of a code cell, and whether it stands beside words."""
    if how == "figure":
        return show_figure(cell)
    said = printed(cell)
    if how == "claims":
        claims = "".join(
            f'<li class="missed">not shown by this run: {escape(words)}</li>'
            if missed
            else f"<li>{escape(words)}</li>"
            for missed, words in deck.CLAIM.findall(said)
        )
        return f"<ul>{claims}</ul>", False
    if how == "answers":
        rows = "".join(
            f'<tr><th scope="row">{escape(asked)}</th><td>{escape(right)}</td></tr>'
            for asked, right in deck.GUESS.findall(said)
        )
        return f"<table>{rows}</table>", False
    taken = f"{short_code(text(cell))}\n{said.rstrip()}".count("\n") + 1
    short = said.strip() and taken <= deck.LINES_WITH_OUTPUT
    return f'<pre class="said">{escape(said.rstrip())}</pre>' if short else "", False


def show_figure(cell: Cell, prefix: str = "") -> tuple[str, bool]:
    """Return a cell's figure as HTML, and whether it stands beside the words.

    Args:
        cell: a code cell with its outputs.
        prefix: of the ids in the drawing, where the slides show it twice.
    """
    name, alt = prefix + cell["id"], alt_text(cell)
    for output in cell["outputs"]:
        data = output.get("data", {})
        svg = "".join(data.get("image/svg+xml", ""))
        if svg:
            laid = lay_out(svg, for_page(svg, name, alt), name)
            return laid.svg, laid.beside
        if drawing_in(output) is not None:
            drawn = "".join(data["text/html"])
            box = BOX.search(drawn)
            return drawn, bool(box and fit(float(box[1]), float(box[2]))[1])
    raise ValueError(f"cell {name} names a figure and shows none")


def opening(cells: Sequence[Cell]) -> tuple[str, bool]:
    """Return the picture of the question, and whether it stands beside the words.

    It is a figure of the chapter's, or some pictures of one, with their names.
    """
    about = cells[0]["metadata"].get("simseg", {}).get("opening")
    for cell in cells:
        figure = cell["metadata"].get("mystnb", {}).get("figure", {})
        if about and figure.get("name") == about["figure"]:
            if "columns" not in about:
                return show_figure(cell, prefix="opening-")
            svg = "".join(cell["outputs"][-1]["data"]["image/svg+xml"])
            strip = cut_strip(svg, about["columns"], about["row"])
            box = BOX.search(strip)
            assert box
            width, height, many = float(box[1]), float(box[2]), len(about["columns"])
            step = (1 + GAP) * width / (many * (1 + GAP) - GAP)
            names = "".join(
                f'<text x="{place * step:g}" y="-3" font-size="7">{escape(one)}</text>'
                for place, one in enumerate(about["columns"])
            )
            named = f'viewBox="0 -10 {width:g} {height + 10:g}" role="img"'
            alt = f'aria-label="{escape(about["caption"])}"'
            inside = strip[strip.index(">") + 1 :]
            return f"<svg {named} {alt}>{names}{inside}", False
    return "", False


def as_cells(slides: Sequence[Slide], first: tuple[str, bool]) -> list[Any]:
    """Return slides as the cells that nbconvert's template writes."""
    made = []
    new = nbformat.v4
    for number, slide in enumerate(slides):
        level = "#" if number == 0 else "##"
        words = new.new_markdown_cell(
            "\n\n".join([f"{level} {slide.heading}", *slide.words])
        )
        words.metadata["slideshow"] = {"slide_type": slide.kind}
        made.append(words)
        layout = []
        if number == 0:
            picture, beside = first
            layout = ["title"] + ["beside"] * beside
            made.append(new.new_markdown_cell(picture, metadata={"html": True}))
        for cell, how, waits in slide.exhibits:
            html, beside = show(cell, how)
            code = short_code(text(cell)) if how == "code" else ""
            shown = new.new_code_cell(code or "", metadata={"how": how})
            if html:
                shown.outputs = [new.new_output("display_data", {"text/html": html})]
            if waits:
                shown.metadata["slideshow"] = {"slide_type": "fragment"}
            made.append(shown)
            layout += [how] + ["beside"] * beside
        if number and not slide.exhibits:
            said = slide.words[0] if len(slide.words) == 1 else ""
            few = said[:1] not in ("", "-", "|") and deck.count_words(said) < deck.FEW
            layout += ["words"] + ["few"] * few
        words.metadata["layout"] = " ".join(dict.fromkeys(layout))
        notes = "\n\n".join(one for one in slide.notes if one)
        if notes:
            kind = {"slideshow": {"slide_type": "notes"}}
            made.append(new.new_markdown_cell(notes, metadata=kind))
    return made


def markdown_to_html() -> Any:
    """Return a function from Markdown to HTML, with formulas as MathML."""
    reader = MarkdownIt("commonmark", {"html": True, "typographer": True})
    reader.enable(["table", "smartquotes"])

    def formula(source: str, options: dict[str, Any]) -> str:
        return to_mathml(source, displaystyle=options["display_mode"])

    reader.use(dollarmath_plugin, renderer=formula, double_inline=True)
    return reader.render


def export(name: str, cells: Sequence[Cell]) -> str:
    """Return a chapter's slides as an HTML page."""
    slides = deck.make_deck(cells)
    notebook = nbformat.v4.new_notebook(cells=as_cells(slides, opening(cells)))
    exporter = SlidesExporter(
        template_name="slides",
        extra_template_basedirs=[str(TEMPLATES)],
        reveal_url_prefix="reveal",
        filters={"markdown2html": markdown_to_html()},
    )
    about = {
        "metadata": {"name": name},
        "title": slides[0].heading,
        "inks": HtmlFormatter(style="a11y-high-contrast-light").get_style_defs("pre"),
    }
    page: str = exporter.from_notebook_node(notebook, about)[0]
    return page


# --- the folder -----------------------------------------------------------------------


def find_reveal() -> Path:
    """Return the folder of reveal.js: of a package that pip installs once, if need be.

    Raises:
        ValueError: if pip cannot install it.
    """
    places = [*sys.path, str(KEPT)]
    if PathFinder.find_spec(PACKAGE, places) is None:
        print("== fetching reveal.js, once", flush=True)
        install = ["pip", "install", "-q", "--no-deps", "--target", str(KEPT), WANTED]
        if run([sys.executable, "-m", *install], check=False).returncode:
            raise ValueError(
                f"pip could not install {WANTED!r}, which brings reveal.js: see above. "
                "Remedy: call it again with a connection; afterwards none is needed"
            )
        invalidate_caches()
    found = PathFinder.find_spec(PACKAGE, places)
    origin = found.origin if found else None
    assert origin
    return Path(origin).parent / "_static" / "revealjs"


def make_slides(name: str, target: Path) -> Path:
    """Write a chapter's slides into a folder, which is made anew; return the page."""
    page = export(name, read_chapter(name))
    shutil.rmtree(target, ignore_errors=True)
    (target / "fonts").mkdir(parents=True)
    reveal = find_reveal()
    for file in NEEDED:
        (target / "reveal" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(reveal / file, target / "reveal" / file)
    for font in (STATIC / "fonts").iterdir():
        shutil.copy(font, target / "fonts")
    for file in ("slides.css", "slides.js"):
        shutil.copy(TEMPLATES / "slides" / file, target)
    (target / "index.html").write_text(page, encoding="utf-8")
    return target / "index.html"


def main() -> int:
    """Make the slides, and say where they are."""
    parser = argparse.ArgumentParser(prog="make slides", description=__doc__)
    parser.add_argument("name", help="a chapter, such as 03_unet")
    name = parser.parse_args().name
    try:
        page = make_slides(name, BUILT / name)
    except ValueError as fault:
        print(fault, file=sys.stderr)
        return 1
    print(f"== slides: {page.as_uri()}   (S: speaker's notes; ?print-pdf: to print)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
