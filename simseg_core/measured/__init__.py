"""Results that take too long to compute while somebody reads, with their origin.

Each is a JSON file beside this module, written by a script of `benchmarks/` that anyone
can run again. It says itself on which device, when and with which versions it was made.
"""

import json
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "origin", "stored"]

FOLDER = Path(__file__).resolve().parent


def stored(name: str) -> dict[str, Any]:
    """Return a stored result by its name.

    Raises:
        ValueError: no result has this name; the message says which have.

    >>> sorted(stored("networks"))
    ['networks', 'settings', 'timed', 'trained']
    """
    path = FOLDER / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(path.stem for path in FOLDER.glob("*.json")))
        raise ValueError(f"no stored result is called {name!r}; there are: {known}")
    return json.loads(path.read_text("utf-8"))


def origin(made: dict[str, Any]) -> str:
    """Write where a result comes from, for a caption or below a table.

    >>> origin({"device": "Some CPU", "threads": 2, "date": "2026-01-31",
    ...         "torch": "2.14.0"})
    'Some CPU, 2 threads, PyTorch 2.14.0, 2026-01-31'
    """
    return (
        f"{made['device']}, {made['threads']} threads, PyTorch {made['torch']}, "
        f"{made['date']}"
    )
