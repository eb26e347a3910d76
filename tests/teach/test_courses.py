"""Where courses run: what the page names is there, and its files do what it says."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "courses.md").read_text("utf-8")
SYLLABI = (ROOT / "book" / "syllabi.md").read_text("utf-8")
ENVIRONMENT = yaml.safe_load((ROOT / "assignments" / "environment.yml").read_text())
WORKFLOW = yaml.safe_load(
    (ROOT / "assignments" / "classroom" / "autograde.yml").read_text()
)
STEPS = {
    step["name"]: step
    for step in WORKFLOW["jobs"]["validate"]["steps"]
    if "run" in step
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WRITTEN = ("release", "submitted", "secret.txt")  # by the commands; not in the clone


def from_pip() -> dict[str, str]:
    """The environment's packages, each with the line that asks for it."""
    *_, asked = ENVIRONMENT["dependencies"]
    return {re.split(r"[^\w-]", line)[0]: line for line in asked["pip"]}


@pytest.mark.parametrize("page", [PAGE, SYLLABI], ids=["courses", "syllabi"])
def test_commands_are_targets_of_the_makefile(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE))
    asked = set(re.findall(r"\bmake\s+([a-z-]+)(?=`|\s+[A-Z]+=)", page))
    assert len(asked) >= 2
    assert asked <= targets


def test_files_of_the_clone_are_there() -> None:
    named = set(re.findall(r"\bassignments/([\w./-]+\w)", PAGE))
    assert {"environment.yml", "classroom/autograde.yml"} <= named
    ignored = (ROOT / ".gitignore").read_text("utf-8")
    for path in named:
        first = path.partition("/")[0]
        if first in WRITTEN:
            assert re.search(rf"^assignments/{first}/?$", ignored, re.MULTILINE)
        else:
            assert (ROOT / "assignments" / path).exists(), path


def test_the_course_is_called_as_the_teachers_folder_calls_it() -> None:
    name = re.compile(r'^ *c\.CourseDirectory\.course_id = "(.+)"$', re.MULTILINE)
    ours = (ROOT / "assignments" / "nbgrader_config.py").read_text("utf-8")
    assert name.findall(PAGE) == name.findall(ours)
    assert f"`Released as: {name.findall(ours)[0]} 03_unet`" in PAGE


def test_the_environment_asks_for_what_the_project_has() -> None:
    python = next(one for one in ENVIRONMENT["dependencies"] if "python=" in str(one))
    assert python == "python=3.12"
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.14"
    packages = from_pip()
    extras = re.search(r"simseg-core\[([\w,]+)\]", packages["simseg-core"])
    assert extras
    known = PROJECT["tool"]["setuptools"]["dynamic"]["optional-dependencies"]
    assert set(extras[1].split(",")) <= set(known)
    teachers = (ROOT / "requirements-teach.txt").read_text("utf-8")
    assert re.search(rf"^{re.escape(packages['nbgrader'])}\s", teachers, re.MULTILINE)


def test_the_workflow_runs_on_each_push_with_the_same_nbgrader() -> None:
    assert WORKFLOW[True] == "push"  # YAML 1.1 reads the key `on` as a truth
    assert WORKFLOW["permissions"] == {"contents": "read"}
    install = next(step["run"] for name, step in STEPS.items() if "Install" in name)
    assert f'"{from_pip()["nbgrader"]}"' in install
    source = WORKFLOW["jobs"]["validate"]["env"]["SIMSEG_SOURCE"]
    assert from_pip()["simseg-core"].endswith(f"@ {source}")
    assert '"$SIMSEG_SOURCE"' in install


def test_what_actions_are_used_is_what_the_book_uses() -> None:
    """So that one edit, here and there, keeps them current."""
    ours = (ROOT / ".github" / "workflows" / "test.yml").read_text("utf-8")
    for step in WORKFLOW["jobs"]["validate"]["steps"]:
        assert "run" in step or f"uses: {step['uses']}\n" in ours


PASSES = "echo 'Success! Your notebook passes all the tests.'"
FAILS = "echo 'VALIDATION FAILED ON 1 CELL(S)!'"
CHANGED = "echo 'THE CONTENTS OF 1 TEST CELL(S) HAVE CHANGED!'"


@pytest.mark.parametrize(
    ("nbgrader", "code"),
    [
        (PASSES, 0),
        (FAILS, 1),  # nbgrader ends well even then
        (CHANGED, 1),
        (f"{PASSES}; exit 1", 1),
        (f"test $2 = b.ipynb && {FAILS} || {PASSES}", 1),
        (f"test $2 = a.ipynb && {FAILS} || {PASSES}", 1),
    ],
)
def test_the_workflow_fails_unless_each_notebook_passes(
    nbgrader: str, code: int, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "nbgrader"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{nbgrader}\n")
    program.chmod(0o755)
    for name in ("a.ipynb", "b.ipynb"):
        (tmp_path / name).touch()
    (step,) = [
        step for name, step in STEPS.items() if "tests" in name and "Run" in name
    ]
    assert step["shell"] == "bash"  # which GitHub calls as here
    ended = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=tmp_path,
        env={"PATH": f"{program.parent}:/usr/bin:/bin"},
        capture_output=True,
    )
    assert ended.returncode == code
