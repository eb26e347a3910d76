"""The probes from a terminal: `python -m simseg_core --help`."""

import sys

from simseg_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
