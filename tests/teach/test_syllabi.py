"""The syllabi: minutes add up and agree with the chapters, sections exist."""

import json
import math
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from chapter_times import EXERCISE_MINUTES, WORDS_A_MINUTE, read_sections, rows
from exercise_table import read_exercises

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "syllabi.md").read_text("utf-8")
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
SECTIONS = {path.name: read_sections(path) for path in CHAPTERS}
KINDS = {n: kind for path in CHAPTERS for n, _, kind in read_exercises(path)}
ASSIGNMENTS = {"00_pixels_to_score", "01_self_attention", "03_unet"}
RUN_MINUTES = 5  # as the page says

LINK = re.compile(r"\[([^]]+)\]\(\.\./chapters/(\w+\.ipynb)#([\w-]+)\)")
COUNTED = re.compile(r"\|[^|\n]*\|[^|\n]*\| minutes \|\n.*\n((?:\|.*\n)+)")
IN_WORDS = {"four": 4, "five": 5}


class Row(NamedTuple):
    """A row of a table of minutes."""

    what: str
    how: str
    minutes: int

    @property
    def sections(self) -> list[tuple[str, str]]:
        """Chapter and title of each section that is linked."""
        return [(name, title) for title, name, _ in LINK.findall(self.what)]


class Plan(NamedTuple):
    """A table of minutes: its heading, its rows, and the sum that it states."""

    title: str
    rows: list[Row]
    total: int


def read_plans() -> list[Plan]:
    plans = []
    for found in COUNTED.finditer(PAGE):
        *_, heading = re.findall(r"^### (.+)$", PAGE[: found.start()], re.MULTILINE)
        head = found[0].partition("\n")[0].split("|")[1].strip()
        title = heading if head == "what" else head
        cells = [line.strip("|").split("|") for line in found[1].splitlines()]
        *read, last = [
            Row(*(cell.strip() for cell in row[:2]), int(row[2])) for row in cells
        ]
        assert last.what == "total"
        plans.append(Plan(title, read, last.minutes))
    return plans


PLANS = read_plans()
MEETINGS = [plan for plan in PLANS if plan.title.startswith("Meeting")]
HOMEWORK = [plan for plan in PLANS if plan.title.startswith("homework")]
DAYS = [plan for plan in PLANS if plan.title.startswith("Day")]
ALL_ROWS = [row for plan in PLANS for row in plan.rows]


def linked(plans: list[Plan]) -> set[str]:
    """The numbers of the chapters that some rows link to."""
    names = {name for plan in plans for row in plan.rows for name, _ in row.sections}
    return {next(iter(SECTIONS[name]))[:2] for name in names}


def numbers(text: str) -> set[str]:
    """The numbers of a text, whatever stands between their thousands."""
    plain = re.sub(r"(?<=\d)(?:\{,\}|,)(?=\d{3})", "", text)
    return {n.rstrip(".") for n in re.findall(r"\d[\d.]*", plain)}


def test_there_are_twelve_meetings_and_two_days() -> None:
    assert [plan.title.split()[1] for plan in MEETINGS] == [
        f"{n}:" for n in range(1, 13)
    ]
    assert len(HOMEWORK) == 6
    assert len(DAYS) == 2
    assert len(PLANS) == 20 == PAGE.count("| minutes |")


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.title)
def test_minutes_add_up(plan: Plan) -> None:
    assert sum(row.minutes for row in plan.rows) == plan.total
    if plan in MEETINGS:
        assert plan.total == 90
    if plan in DAYS:
        assert plan.total == 360


def test_weeks_add_up_and_name_their_chapters() -> None:
    weeks = re.findall(r"^\| (Week \d|total) \|(.*)\|(.*)\|$", PAGE, re.MULTILINE)
    *weeks, (_, all_rest, all_home) = [w for w in weeks if w[1].count("|") == 3]
    assert len(weeks) == 6
    classes, home = [], []
    for n, (_, rest, at_home) in enumerate(weeks):
        chapters, _, _, in_class = (cell.strip() for cell in rest.split("|"))
        pair = MEETINGS[2 * n : 2 * n + 2]
        assert set(chapters.split(", ")) == linked(pair), f"week {n + 1}"
        assert int(in_class) == sum(plan.total for plan in pair)
        assert int(at_home) == HOMEWORK[n].total
        classes.append(int(in_class))
        home.append(int(at_home))
    assert int(all_rest.split("|")[-1]) == sum(classes)
    assert int(all_home) == sum(home)


def test_an_assignment_is_handed_out_before_it_is_due() -> None:
    text = " ".join(PAGE.split())
    parts = re.split(r"### Meeting (\d+):", text.partition("## Two days")[0])[1:]
    meetings = dict(zip(map(int, parts[::2]), parts[1::2]))
    named = set()
    for number, part in meetings.items():
        for name in re.findall(r"[aA]ssignment (\w+) is handed out", part):
            (due,) = re.findall(rf"assignment {name} \| due at meeting (\d+)", text)
            assert number < int(due)
            for column, meeting in ((1, number), (2, int(due))):
                week = rf"\| Week {math.ceil(meeting / 2)} \|(?:[^|]*\|){{{column}}}"
                assert re.search(rf"{week} {name} \|", text), (name, column)
            named.add(name)
    assert named == ASSIGNMENTS


def test_no_chapter_is_forgotten() -> None:
    every = {next(iter(sections))[:2] for sections in SECTIONS.values()}
    assert linked(MEETINGS) == every
    (told,) = re.findall(r"Chapters ([\d, and\n]+) are left out", PAGE)
    assert set(re.findall(r"\d\d", told)) == every - linked(DAYS)


def test_sections_have_their_real_titles() -> None:
    links = LINK.findall(PAGE)
    assert len(links) > 100
    for title, name, anchor in links:
        assert title in SECTIONS[name], title
        assert anchor == re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_each_row_says_which_chapter_it_is_of() -> None:
    for row in ALL_ROWS:
        for number, name in re.findall(
            r"(\d\d) \[[^]]+\]\(\.\./chapters/(\w+)", row.what
        ):
            assert next(iter(SECTIONS[f"{name}.ipynb"])).startswith(number)
        assert len(re.findall(r"\d\d \[", row.what)) == len(
            {name for name, _ in row.sections}
        )


def test_reading_takes_what_its_words_take() -> None:
    assert f"{WORDS_A_MINUTE} words of a chapter a minute" in PAGE
    read = [row for plan in HOMEWORK for row in plan.rows if row.sections]
    assert len(read) >= 6
    for row in read:
        assert row.how.startswith("read")
        words = sum(SECTIONS[name][title] for name, title in row.sections)
        # A word more or less in a chapter need not change the plan.
        assert -1 < row.minutes - words / WORDS_A_MINUTE < 10, row


def test_exercises_take_what_their_kinds_take() -> None:
    text = " ".join(PAGE.split()).replace("minutes for", "for")
    told = re.findall(r"(\d+) for \*(\w+)\*(?: and \*(\w+)\*)?", text)
    planned = {kind: int(minutes) for minutes, *kinds in told for kind in kinds if kind}
    assert planned == EXERCISE_MINUTES
    given = [row for row in ALL_ROWS if row.what.startswith("exercises")]
    assert len(given) == 6
    for row in given:
        asked = re.findall(r"\d\d\.\d", row.what)
        assert row.minutes == sum(EXERCISE_MINUTES[KINDS[n]] for n in asked)
    assert set(re.findall(r"\b\d\d\.\d\b", PAGE)) <= set(KINDS)


def test_assignments_take_what_the_page_says() -> None:
    (minutes,) = re.findall(r"An assignment is planned with (\d+)", PAGE)
    given = [row for row in ALL_ROWS if row.what.startswith("assignment")]
    assert {row.what.split()[1] for row in given} == ASSIGNMENTS
    assert {row.minutes for row in given} == {int(minutes)}
    sources = {path.stem for path in (ROOT / "assignments").glob("source/*/*.ipynb")}
    assert sources <= ASSIGNMENTS
    told = (ROOT / "book" / "assignments.md").read_text("utf-8")
    assert "It takes two to three hours." in " ".join(told.split())
    assert 2 * 60 <= int(minutes) <= 3 * 60


def test_a_run_fits_into_its_row() -> None:
    """Twice the plan, for a kept run may have shared a busy machine."""
    assert f"A run in class is planned with {RUN_MINUTES}" in " ".join(PAGE.split())
    ran = [row for row in ALL_ROWS if "**run**" in row.how]
    assert len(ran) > 12
    for row in ran:
        assert row.minutes >= 2 * RUN_MINUTES
        for name in {name for name, _ in row.sections}:
            kept = json.loads((ROOT / ".ran" / name).read_text("utf-8"))
            seconds = kept["metadata"]["simseg_run"]["seconds"]
            assert seconds <= 2 * 60 * RUN_MINUTES, name


def test_numbers_of_a_row_are_its_chapters() -> None:
    texts = {}
    for path in CHAPTERS:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        texts[path.name] = numbers("\n".join("".join(c["source"]) for c in cells))
    checked = 0
    for plan in [*MEETINGS, *DAYS]:
        for row in plan.rows:
            asked = numbers(re.sub(r"\bassignment \w+|meeting \d+", "", row.how))
            for name in {name for name, _ in row.sections}:
                assert asked <= texts[name], (row.how, asked - texts[name])
                checked += len(asked)
    assert checked > 25


def test_all_predictions_are_as_many_as_the_chapter_asks_for() -> None:
    told = 0
    for row in ALL_ROWS:
        for word in re.findall(r"all (four|five)", row.how):
            (name,) = {n for n, title in row.sections if title == "Predict first"}
            cells = json.loads((ROOT / "chapters" / name).read_text("utf-8"))["cells"]
            texts = ["".join(cell["source"]) for cell in cells]
            (asked,) = [t for t in texts if t.startswith("## Predict first")]
            assert len(re.findall(r"^\d\.", asked, re.MULTILINE)) == IN_WORDS[word]
            told += 1
    assert told > 8


def test_the_table_of_times_has_every_chapter_and_its_run() -> None:
    made = rows(ROOT)[2:]
    assert len(made) == len(CHAPTERS)
    for path in CHAPTERS:
        (row,) = [row for row in made if f"/chapters/{path.stem}`" in row]
        _, _, read, ran, tasks, _ = (cell.strip() for cell in row.split("|"))
        cells = json.loads(path.read_text("utf-8"))["cells"]
        words = "".join(
            "".join(c["source"]) + "\n" for c in cells if c["cell_type"] == "markdown"
        )
        assert int(read) == round(len(words.split()) / WORDS_A_MINUTE)
        assert float(ran) > 0
        assert int(tasks.partition(":")[0]) if path.stem[0].isdigit() else tasks == "–"


def test_a_chapter_without_a_run_has_a_dash(tmp_path: Path) -> None:
    (tmp_path / "chapters").mkdir()
    cell = {"cell_type": "markdown", "source": ["# 11 A chapter\n", "two words"]}
    text = json.dumps({"cells": [cell]})
    (tmp_path / "chapters" / "11_one.ipynb").write_text(text)
    assert rows(tmp_path)[2:] == ["| {doc}`/chapters/11_one` | 0 | – | – |"]
