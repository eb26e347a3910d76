"""What people who join meet first: how to cite, what changed, hooks and forms."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
FORMS = sorted(
    form
    for form in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")
    if form.stem != "config"
)


def test_the_citation_is_of_this_book_and_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    book = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    assert cited["version"] == project["version"]
    assert cited["license"] == project["license"]
    assert cited["title"] == book["title"]
    assert [one["name"] for one in cited["authors"]] == [book["author"]]


def test_the_changelog_keeps_its_form() -> None:
    """Keep a Changelog: the newest on top, only its six kinds of change."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    for version in versions[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds


def test_the_hooks_are_the_tools_of_the_makefile() -> None:
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    (repository,) = settings["repos"]
    assert repository["repo"] == "local"
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for hook in repository["hooks"]:
        python, *words = shlex.split(hook["entry"])
        assert python == ".venv/bin/python"
        assert f"$(BIN)/python {words[0]}" in makefile
        assert words[1] in makefile


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_asks_for_something(form: Path) -> None:
    """As GitHub reads it: name, description, and fields with labels and own ids."""
    asked = yaml.safe_load(form.read_text("utf-8"))
    assert asked["name"]
    assert asked["description"]
    fields = asked["body"]
    assert all(field["type"] in ("input", "textarea") for field in fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)
    assert any(field.get("validations", {}).get("required") for field in fields)
