"""Who a student is: numbers, a class, and what lies in a folder."""

import os
from itertools import combinations
from pathlib import Path

import pytest
from teach.assignments.students import (
    find_submissions,
    number_of,
    read_roster,
    read_secret,
)

SECRET = b"0123456789abcdef"


def test_numbers_differ_by_student_assignment_and_secret() -> None:
    names = [f"student{i}" for i in range(300)]
    numbers = {number_of(name, "03_unet", SECRET) for name in names}
    assert len(numbers) == 300
    asked = [("ada", "03_unet", SECRET), ("ben", "03_unet", SECRET)]
    asked += [("ada", "01_self_attention", SECRET), ("ada", "03_unet", SECRET + b"!")]
    assert all(number_of(*a) != number_of(*b) for a, b in combinations(asked, 2))


@pytest.mark.parametrize("written", ["Ada", " ada", "ADA "])
def test_a_name_is_the_same_however_it_is_written(written: str) -> None:
    assert number_of(written, "x", SECRET) == number_of("ada", "x", SECRET)


def test_a_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "course/secret.txt"
    first = read_secret(path)
    assert path.stat().st_mode & 0o077 == 0
    assert read_secret(path) == first
    assert len(first) >= 32
    path.write_text("\n")
    with pytest.raises(ValueError, match="bring back its copy"):
        read_secret(path)


def test_a_class(tmp_path: Path) -> None:
    path = tmp_path / "class.csv"
    path.write_text("\ufeffstudent,group\nada,1\n ben ,2\n\nJörg Öztürk,1\n")
    assert read_roster(path) == ["ada", "ben", "Jörg Öztürk"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ada\nADA\n", "'ada' stands twice"),
        ("student\n", "no student stands in"),
        ("../ada\n", "cannot be the name of a file"),
        ("ada/b\n", "cannot be the name of a file"),
    ],
)
def test_a_class_that_cannot_be(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "class.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_roster(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as courses fill it, in all ways at once."""
    for name in (
        "ada.ipynb",
        "ben-03_unet.ipynb",
        "cem/03_unet.ipynb",
        "dora/03_unet/03_unet.ipynb",
        "03-unet-eve/03_unet.ipynb",
        "fay/my work.ipynb",
        "gus/one.ipynb",
        "gus/two.ipynb",
        "ADA/03_unet.ipynb",
        ".ipynb_checkpoints/ada.ipynb",
        "notes.txt",
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "in"


def test_notebooks_are_found_where_courses_put_them(folder: Path) -> None:
    found = {one.student.lower(): one for one in find_submissions(folder, "03_unet")}
    assert sorted(found) == ["ada", "ben", "cem", "dora", "eve", "fay", "gus"]
    assert found["dora"].data == b"dora/03_unet/03_unet.ipynb"
    assert "two files are this student's" in found["ada"].note
    assert found["fay"].data == b"fay/my work.ipynb"
    assert "is called my work.ipynb" in found["fay"].note
    assert found["gus"].data == b""
    assert "no 03_unet.ipynb" in found["gus"].note


def test_a_class_names_who_handed_in_nothing_and_who_is_not_in_it(folder: Path) -> None:
    found = find_submissions(folder, "03_unet", ["Ben", "zoe"])
    assert [one.student for one in found[:2]] == ["ben", "zoe"]
    assert found[0].note == ""
    assert found[1].note == "nothing was handed in"
    assert all("is not in the roster" in one.note for one in found[2:])


def test_links_and_odd_files_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.ipynb").write_text("another's")
    folder = tmp_path / "in"
    (folder / "dir").mkdir(parents=True)
    (folder / "link.ipynb").symlink_to(tmp_path / "secret.ipynb")
    (folder / "whole").symlink_to(tmp_path)
    (folder / "dir/03_unet.ipynb").symlink_to(tmp_path / "secret.ipynb")
    os.mkfifo(folder / "pipe.ipynb")
    (folder / "<b>x.ipynb").write_text("{}")
    found = {one.student: one for one in find_submissions(folder, "03_unet")}
    for name in ("link", "whole", "dir"):
        assert found[name].data == b""
        assert "a link was handed in" in found[name].note
    assert found["pipe"].note == "no file was handed in"
    assert any(name.startswith("_b_x_") for name in found)


def test_names_that_cannot_be_a_files_are_nobody_elses(tmp_path: Path) -> None:
    """Each feedback is a file of its own, `.NAME.html.part` while it is written."""
    for name in ("a_b", "a&b", "a|b", "x" * 245, "x" * 244 + "y", "\u4e00" * 81):
        (tmp_path / f"{name}.ipynb").write_text(name)
    (tmp_path / "odd").mkdir()
    (tmp_path / os.fsdecode(b"odd/\xff.ipynb")).write_text("z")
    found = {one.student: one for one in find_submissions(tmp_path, "03_unet")}
    assert len(found) == 7
    assert found["a_b"].data == b"a_b"
    assert all(len(f".{name}.html.part".encode()) <= 255 for name in found)


def test_no_folder_and_nobody_in_it_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is no folder\. Remedy: SUBMITTED="):
        find_submissions(tmp_path / "none", "03_unet")
    with pytest.raises(ValueError, match="nobody's notebook is in"):
        find_submissions(tmp_path, "03_unet")
    (tmp_path / "chapters").mkdir()  # as where no folder is named, and it is this one
    with pytest.raises(ValueError, match="nobody's notebook is in"):
        find_submissions(tmp_path, "03_unet")
