"""Make a chapter's worksheet to print: ``make worksheet NAME=03_unet``.

A sheet holds tables with blanks, computed when it is made by the package's own blocks
and probes (`sheets/`). The key is a file of its own, from the same data: ``KEY=1``. A
sheet's file holds no answer. Another ``SEED`` asks of other sizes and widths.

Usage: PYTHONPATH=tools python -m teach.lecture.worksheet [--key] [--seed N] NAME
"""

from __future__ import annotations

import argparse
import base64
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from random import Random

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from teach.lecture.sheets.parts import Blank, Task, without_answers

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools"))

from site_check import find_chromium  # noqa: E402

HERE = Path(__file__).resolve().parent
BUILT = ROOT / "_build" / "worksheets"
FONT = ROOT / "book" / "_static" / "fonts" / "figtree.woff2"


def chapters() -> list[str]:
    """Return the names of the chapters that have a worksheet."""
    numbers = sorted(path.stem[2:] for path in (HERE / "sheets").glob("ch*.py"))
    found = (path.stem for path in (ROOT / "chapters").glob("*.ipynb"))
    return sorted(name for name in found if name[:2] in numbers)


def make_tasks(name: str, seed: int) -> list[Task]:
    """Return a chapter's tasks with their answers; equal seeds give equal tasks.

    Raises:
        ValueError: if the chapter has no worksheet.
    """
    if name not in chapters():
        raise ValueError(
            f"there is no worksheet of {name!r}. There is one of: "
            f"{', '.join(chapters())}"
        )
    sheet = import_module(f"teach.lecture.sheets.ch{name[:2]}")
    tasks: list[Task] = sheet.tasks(Random(seed))
    return tasks


def render(name: str, seed: int, tasks: Sequence[Task], *, key: bool) -> str:
    """Return a sheet as an HTML page; without `key` no answer is in it."""
    shown = list(tasks) if key else [without_answers(task) for task in tasks]
    loader = FileSystemLoader(HERE / "templates" / "worksheet")
    jinja = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    jinja.tests["blank"] = lambda entry: isinstance(entry, Blank)
    page: str = jinja.get_template("worksheet.html.j2").render(
        title=title(name),
        seed=seed,
        tasks=shown,
        key=key,
        font=base64.b64encode(FONT.read_bytes()).decode(),
    )
    return page


def title(name: str) -> str:
    """Return a chapter's title, as its notebook has it."""
    text = (ROOT / "chapters" / f"{name}.ipynb").read_text(encoding="utf-8")
    found = re.search(r'"# (.+?)(?:\\n)?"', text)
    return found[1] if found else name


def print_pdf(page: Path, browser: str) -> Path:
    """Print a page with Chromium; return the PDF.

    Raises:
        subprocess.CalledProcessError: if the browser fails.
    """
    pdf = page.with_suffix(".pdf")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    command = [browser, *flags, f"--print-to-pdf={pdf}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return pdf


def main() -> int:
    """Make the sheet or its key, and say where it is."""
    parser = argparse.ArgumentParser(prog="make worksheet", description=__doc__)
    parser.add_argument("name", help="a chapter, such as 03_unet")
    parser.add_argument("--key", action="store_true", help="the key, not the sheet")
    parser.add_argument("--seed", type=int, default=1, help="other sizes and widths")
    asked = parser.parse_args()
    try:
        tasks = make_tasks(asked.name, asked.seed)
    except ValueError as fault:
        print(fault, file=sys.stderr)
        return 1
    seeded = "" if asked.seed == 1 else f"_seed{asked.seed}"
    page = BUILT / f"{asked.name}{seeded}{'_key' * asked.key}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    html = render(asked.name, asked.seed, tasks, key=asked.key)
    page.write_text(html, encoding="utf-8")
    print(f"== {'key' if asked.key else 'worksheet'}: {page.as_uri()}")
    browser = find_chromium()
    if browser is None:
        print("   No Chromium here, so no PDF: open it in a browser and print.")
    else:
        print(f"   to print: {print_pdf(page, browser).as_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
