"""Write the repository's public address where it is needed: once, in one step.

Until then the book has no launch buttons and no link to its repository, a chapter
opened on Colab asks for ``SIMSEG_SOURCE``, and no page tells where it stands. The
address goes into ``_config.yml`` (the buttons, and the site's own address: canonical
links, sitemap, previews of shared links), into the set-up cell of every chapter,
into the pages that say what pip installs, into what courses are set up with, and into
``CITATION.cff``.

Usage: set_address.py https://github.com/OWNER/NAME [https://the.site/]
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")
SITE = re.compile(r"https://[\w.-]+(/[\w.-]+)*")
SETTING = re.compile(r'os\.environ\.get\("SIMSEG_SOURCE", "[^"]*"\)')
INSTALLED = re.compile(rf"(?<=git\+){ADDRESS.pattern}")
CITED = re.compile(r"^(repository-code|url): .*\n", re.MULTILINE)
BASE = re.compile(r'^  baseurl: "[^"]*"', re.MULTILINE)
BLOCK = """\
# --- address: written by `make address` ---
repository:
  url: {url}
  branch: main
launch_buttons:
  colab_url: https://colab.research.google.com
# --- end of address ---
"""


def pages_of(url: str) -> str:
    """Return where GitHub Pages shows the site of a repository."""
    owner, name = url.split("/")[-2:]
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def with_address(config: str, url: str, site: str) -> str:
    """Return the book's settings with both addresses put in or replaced."""
    config, found = BASE.subn(f'  baseurl: "{site}"', config)
    assert found == 1, "_config.yml has no line `  baseurl: ...`"
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


def with_citation(citation: str, url: str, site: str) -> str:
    """Return how to cite the book, with where it is read and where its sources are."""
    return f"{CITED.sub('', citation)}repository-code: {url}\nurl: {site}\n"


def main(arguments: list[str]) -> int:
    """Check the addresses, then write every file."""
    url, site = (one.removesuffix("/") for one in (*arguments, "", "")[:2])
    url = url.removesuffix(".git")
    if not ADDRESS.fullmatch(url):
        print(
            f"{url!r} is not an address like https://github.com/OWNER/NAME. "
            "Remedy: make address URL=https://github.com/OWNER/NAME",
            file=sys.stderr,
        )
        return 2
    if site and not SITE.fullmatch(site):
        print(
            f"{site!r} is not an address like https://example.org/book. "
            "Remedy: leave SITE out for that of GitHub Pages",
            file=sys.stderr,
        )
        return 2
    site = f"{site}/" if site else pages_of(url)
    config, citation = ROOT / "_config.yml", ROOT / "CITATION.cff"
    changed = {
        config: with_address(config.read_text(encoding="utf-8"), url, site),
        citation: with_citation(citation.read_text(encoding="utf-8"), url, site),
    }
    for path in sorted([*ROOT.glob("book/*.md"), *ROOT.glob("assignments/**/*.yml")]):
        text = path.read_text(encoding="utf-8")
        if INSTALLED.search(text):
            changed[path] = INSTALLED.sub(url, text)
    assignments = ROOT.glob("assignments/source/*/*.ipynb")
    for path in sorted([*ROOT.glob("chapters/*.ipynb"), *assignments]):
        changed[path] = with_source(path.read_text(encoding="utf-8"), url)
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"{path.relative_to(ROOT)}: {url}")
    print(f"The site will say that it stands at {site}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
