"""Build the book into _build/html, with warnings as errors.

Sphinx reads and writes only the pages that changed since its last build, also if that
one was interrupted or failed: then pages would be missing from the search for ever
after, and a warning told once would not be told again. So a build that was green leaves
a mark, and without the mark everything is read anew.

Usage: build_book.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INTERRUPTED = 130  # as a shell counts: 128 + signal
# Jupyter Book's command, by module: its script in bin/ names Python by a path, which
# not all shells can read. jsonschema, which checks its settings, would compile the
# grammars of web addresses first, for more than a second; no setting is checked by one.
COMMAND = (
    "import sys; sys.modules['rfc3987_syntax'] = None; "
    "from jupyter_book.cli.main import main; main(prog_name='jupyter-book')",
    *("build", ".", "-W", "--keep-going", "-q"),
)


def build(root: Path) -> int:
    """Build the book of the repository at `root`; return the exit status."""
    made = root / "_build"
    green = made / ".green"
    if not green.exists():
        shutil.rmtree(made / ".doctrees", ignore_errors=True)
    green.unlink(missing_ok=True)
    command = [sys.executable, "-c", *COMMAND]
    # Whatever the terminal's encoding is, the pages are UTF-8.
    environment = os.environ | {"PYTHONUTF8": "1"}
    environment.pop("PYTHONWARNINGS", None)
    result = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, encoding="utf-8"
    )
    if result.returncode:
        print(result.stdout + result.stderr, file=sys.stderr)
        return 1
    # Sphinx leaves these when no page changed.
    shutil.copytree(
        root / "book" / "_static", made / "html" / "_static", dirs_exist_ok=True
    )
    green.touch()
    return 0


def main() -> int:
    """Build, and say where the book is."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    print("== building the book", flush=True)
    try:
        status = build(ROOT)
    except KeyboardInterrupt:
        print(
            "\nStopped while the book was built. Kept are the runs of all chapters; "
            "`make book` builds the pages anew.",
            file=sys.stderr,
        )
        return INTERRUPTED
    if status == 0:
        page = ROOT / "_build" / "html" / "index.html"
        print(f"== the book: {page.as_uri()}   (or: make serve)")
    return status


if __name__ == "__main__":
    sys.exit(main())
