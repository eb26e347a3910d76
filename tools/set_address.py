"""Write the repository's public address where it is needed: once, in one step.

Until then the book has no launch buttons and no link to its repository, and a chapter
opened on Colab asks for ``SIMSEG_SOURCE``. The address goes into ``_config.yml``, and
into the set-up cell of every chapter (where Colab installs from).

Usage: set_address.py https://github.com/OWNER/NAME
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")
SETTING = re.compile(r'os\.environ\.get\("SIMSEG_SOURCE", "[^"]*"\)')
BLOCK = """\
# --- address: written by `make address` ---
repository:
  url: {url}
  branch: main
launch_buttons:
  colab_url: https://colab.research.google.com
# --- end of address ---
"""


def with_address(config: str, url: str) -> str:
    """Return the book's settings with the address block put in or replaced."""
    rest = re.sub(
        r"# --- address:.*?# --- end of address ---\n", "", config, flags=re.DOTALL
    )
    rest = rest.replace("use_repository_button: false", "use_repository_button: true")
    return rest.rstrip("\n") + "\n\n" + BLOCK.format(url=url)


def with_source(notebook: str, url: str) -> str:
    """Return a chapter whose set-up cell installs from the address."""
    content = json.loads(notebook)
    setting = f'os.environ.get("SIMSEG_SOURCE", "git+{url}")'
    for cell in content["cells"]:
        cell["source"] = [SETTING.sub(setting, line) for line in cell["source"]]
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Check the address, then write every file."""
    url = arguments[0].removesuffix("/").removesuffix(".git") if arguments else ""
    if not ADDRESS.fullmatch(url):
        print(
            f"{url!r} is not an address like https://github.com/OWNER/NAME. "
            "Remedy: make address URL=https://github.com/OWNER/NAME",
            file=sys.stderr,
        )
        return 2
    config = ROOT / "_config.yml"
    changed = {config: with_address(config.read_text(encoding="utf-8"), url)}
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        changed[path] = with_source(path.read_text(encoding="utf-8"), url)
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"{path.relative_to(ROOT)}: {url}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
