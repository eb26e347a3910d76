"""Let one environment find the packages of the one that this runs in.

Teachers' tools are installed on top of the book's environment, so that PyTorch is not
there twice and nothing of theirs gets into the environment that the book is built in.
"""

import sys
import sysconfig
from pathlib import Path


def main() -> None:
    """Write the path file: stand_on.py ENVIRONMENT."""
    below = sysconfig.get_paths()["purelib"]
    (folder,) = Path(sys.argv[1]).glob("lib/python*/site-packages")
    # `addsitedir` reads path files there too: this package is found by one of them.
    line = f"import site; site.addsitedir({below!r})\n"
    (folder / "stands_on_the_book.pth").write_text(line)


if __name__ == "__main__":
    main()
