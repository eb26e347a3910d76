"""Every key is solved again from the sheet alone, as a pupil does it on paper."""

import math
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from pypdf import PdfReader
from teach.lecture import worksheet
from teach.lecture.sheets.parts import Blank, Task, without_answers

CHAPTERS = worksheet.chapters()
SEEDS = (1, 7)

Solved = list[list[str]]


tasks_of = cache(worksheet.make_tasks)


def number(text: str) -> float:
    return float(text.replace(",", ""))


def close(found: str, key: str) -> bool:
    """Whether two entries say the same, numbers to the last digit that is written."""
    try:
        return abs(number(found) - number(key)) <= 0.0051
    except ValueError:
        return found == key


# --- what a pupil does, row by row ---------------------------------------------------


def field(task: Task) -> Solved:
    seen, step, solved = 1, 1, [["the image", "1", "1"]]
    for name, *_ in task.rows[1:]:
        kernel = int(re.search(r"(\d+)x\d+", name)[1])
        rate = re.search(r"rate (\d+)", name)
        stride = re.search(r"stride (\d+)", name)
        seen += (kernel - 1) * (int(rate[1]) if rate else 1) * step
        step *= int(stride[1]) if stride else 1
        solved.append([name, str(seen), str(step)])
    return solved


def shapes(task: Task) -> Solved:
    """Walk down the steps by what their words say; what they leave open is given."""
    words = " ".join(task.words)
    classes = re.search(r"(\d+) classes", words)[1]
    first = re.search(r"first stage has (\d+)", words)
    _, channels, side = (task.rows[0][0], *map(number, task.rows[0][1:]))
    image, kept = side, []  # maps that come back as skips: channels and side
    solved = [list(task.rows[0])]
    for name, given_channels, _ in task.rows[1:]:
        if re.search(r"max-pooling|average pooling", name) and first:
            kept.append((channels, side))
        if "not padded" in name:
            side -= 4
        if re.search(r"2x2 (max|average)", name):
            side //= 2
        side = {"two with stride 2": side / 4}.get(name.split(", ")[-1], side)
        if re.search(r", stride 2\b", name):
            side = math.ceil(side / 2)
        if "transposed" in name or "resized to twice" in name:
            side *= 2
        if "resized to the image" in name:
            side = image
        if "resized to the next skip" in name:
            side = kept[-1][1] if kept else image
        if "resized to the map of stages.0" in name:
            side = kept[0][1]
        if "doubles" in name or "channels double" in name:
            channels *= 2
        if "halve" in name:
            channels /= 2
        if "contract.0" in name:
            channels = number(first[1])
        if "five branches" in name:
            channels = 5 * 256
        elif "4 · 64" in name:
            channels = 4 * 64
        elif found := re.search(r"(?:to|ASPP:) (\d+) channels", name):
            channels = number(found[1])
        if "skip" in name and ("cropped" in name or "stacked" in name):
            kept_channels, kept_side = kept.pop()
            assert first or kept_side == side
            channels += kept_channels
            last_skip = kept_channels
        if "as many channels as the skip" in name:
            channels = last_skip
        if "both, stacked" in name:
            channels = 256 + 48
        if "to the classes" in name:
            channels = number(classes)
        if name.startswith(("stem", "down", "mix")):  # nothing tells these channels
            assert not isinstance(given_channels, Blank)
            channels = number(given_channels)
        if re.search(r"(first|second) skip|: a skip|to the decoder too", name):
            kept.append((channels, side))
        if name.startswith("down") and not name.startswith("down.4"):
            kept.append((channels, side))
        solved.append([name, str(channels), str(side)])
    return solved


def crops(task: Task, sheet: list[Task]) -> Solved:
    """Take both sides from the shapes of the same sheet."""
    sides = {row[0]: number(row[2]) for row in shapes(sheet[0])}
    solved = []
    for level, (name, *_) in enumerate(task.rows):
        skip = next(
            s for n, s in sides.items() if n.startswith(f"contract.{3 - level}")
        )
        below = next(s for n, s in sides.items() if n.startswith(name))
        solved.append([name, str(skip), str(below), str((skip - below) / 2)])
    return solved


def cross_entropy(task: Task) -> Solved:
    solved, losses = [], []
    for pixel, logits, label, *_ in task.rows[:-1]:
        odds = [int(one) for one in re.findall(r"ln (\d+)", logits)]
        shares = [one / sum(odds) for one in odds]
        losses.append(-math.log(shares["ABC".index(label)]))
        solved.append([pixel, logits, label, *map(str, shares), str(losses[-1])])
    return [*solved, ["mean", *[""] * 5, str(sum(losses) / 3)]]


def iou(task: Task, sheet: list[Task]) -> Solved:
    label, said = (" ".join(row[side] for row in sheet[1].rows) for side in (1, 2))
    pairs = list(zip(label.split(), said.split(), strict=True))
    solved = []
    for name, *_ in task.rows[:-1]:
        both = sum(pair == (name, name) for pair in pairs)
        either = sum(name in pair for pair in pairs)
        solved.append([name, str(both), str(either), str(both / either)])
    mean = sum(float(row[3]) for row in solved) / len(solved)
    return [*solved, ["mean", "", "", str(mean)]]


def attention(task: Task) -> Solved:
    key = [int(one.split()[1]) for one in task.rows[0][1:5]]
    value = [int(one) for one in task.rows[1][1:5]]
    solved = [list(row) for row in task.rows[:2]]
    for name, odds in zip(("1", "0"), (key, [1] * 4), strict=True):
        shares = [one / sum(odds) for one in odds]
        read = sum(a * b for a, b in zip(shares, value, strict=True))
        solved.append([f"weights of the query {name}", *map(str, shares), str(read)])
    return solved


def block(task: Task) -> Solved:
    C, H, W = map(
        int, re.search(r"(\d+) channels and (\d+) by (\d+)", task.words[0]).groups()
    )
    N, narrow = H * W, C // 8
    if "'v1'" in task.words[0]:
        value, weights = C, 2 * (C + 1) * narrow + (C + 1) * C + 1
    else:
        value, weights = narrow, 4 * C * narrow + 1
    found = (f"{N} x {narrow}", f"{N} x {narrow}", f"{N} x {value}", f"{N} x {N}")
    names = [row[0] for row in task.rows]
    return [list(pair) for pair in zip(names, (*found, str(weights)), strict=True)]


def gates(task: Task) -> Solved:
    x = [[int(one) for one in row[1:5]] for row in task.rows[:4]]
    solved = [
        [task.rows[place][0], *map(str, row), str(sum(row) / 4), str(max(row))]
        for place, row in enumerate(x)
    ]
    columns = list(zip(*x, strict=True))
    solved.append(["mean", *(str(sum(one) / 4) for one in columns), "", ""])
    return [*solved, ["maximum", *(str(max(one)) for one in columns), "", ""]]


def cbam(task: Task) -> Solved:
    C, r = map(int, re.search(r"C = (\d+) .* r = (\d+)", task.words[0]).groups())
    kernel = int(re.search(r"(\d)x\d", task.rows[1][0])[1])
    found = (2 * C * C // r, 2 * kernel**2)
    return [[row[0], str(one)] for row, one in zip(task.rows, found, strict=True)]


def holes(task: Task) -> Solved:
    solved = []
    for kernel, rate, *_ in task.rows:
        reach = (int(kernel[0]) - 1) * int(rate)
        solved.append([kernel, rate, str(reach + 1), str(reach // 2)])
    return solved


def halves(task: Task) -> Solved:
    c_in, c_out, side = map(
        int,
        re.search(r"From (\d+) to (\d+) .* map of (\d+) by", task.words[0]).groups(),
    )
    taps = int(task.rows[0][0][0]) ** 2
    weights = [c_in * c_out * taps, c_in * taps, c_in * c_out]
    weights.append(weights[1] + weights[2])
    return [
        [row[0], str(one), str(one * side**2)]
        for row, one in zip(task.rows, weights, strict=True)
    ]


def harmonic(task: Task) -> Solved:
    k, m = re.search(r"k = (\d+) and m = ([\d.]+),", task.words[0]).groups()
    solved = []
    for name, *_ in task.rows:
        n, powers = int(name), [2**i for i in range(5) if int(name) % 2**i == 0]
        width = int(k) * float(m) ** (len(powers) - 1)
        even = math.floor(math.floor(width + 1) / 2) * 2
        solved.append([name, ", ".join(str(n - one) for one in powers), str(even)])
    return solved


def stage(task: Task) -> Solved:
    c_in, c_out = map(int, re.search(r"from (\d+) to (\d+)", task.words[0]).groups())
    found = [9 * c_in * c_out, 9 * c_out**2, c_in * c_out]
    found.append(sum(found))
    return [[row[0], str(one)] for row, one in zip(task.rows, found, strict=True)]


def by_place(task: Task) -> Solved:
    held = re.search(r"places (\w+) and (\w+)\.", task.words[0]).groups()
    return [
        [name, "held out" if name[: name.rindex("_")] in held else "training"]
        for name, _ in task.rows
    ]


def windows(task: Task) -> Solved:
    solved = []
    for row in task.rows:
        length, window, overlap = map(int, row[:3])
        starts = [0]
        while starts[-1] + window < length:
            starts.append(min(starts[-1] + window - overlap, length - window))
        solved.append([*row[:3], ", ".join(map(str, starts))])
    return solved


def colours(task: Task) -> Solved:
    solved, means = [list(row) for row in task.rows[:6]], {}
    for name in ("land", "sea"):
        mine = [[int(one) for one in row[2:]] for row in solved[:6] if row[1] == name]
        means[name] = [sum(one) / len(mine) for one in zip(*mine, strict=True)]
        solved.append([f"mean of {name}", "", *map(str, means[name])])
    away = {name: sum((one - 100) ** 2 for one in m) for name, m in means.items()}
    nearer = min(away, key=lambda name: away[name])
    return [*solved, [task.rows[-1][0], nearer, "", "", ""]]


SOLVERS: dict[str, Callable[..., Solved]] = {
    "A receptive field by hand": field,
    "Trace the shapes": shapes,
    "The crops": crops,
    "Softmax and cross-entropy": cross_entropy,
    "A label and a prediction": lambda task: [list(row) for row in task.rows],
    "Intersection over union": iou,
    "Attention of four positions": attention,
    "Shapes and weights": block,
    "What the gates read": gates,
    "Weights of a CBAM": cbam,
    "Kernels with holes": holes,
    "A convolution in two halves": halves,
    "Links and widths": harmonic,
    "A residual stage": stage,
    "Split by place": by_place,
    "Windows over a large picture": windows,
    "Mean colours": colours,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", CHAPTERS)
def test_a_sheet_alone_leads_to_the_key(name: str, seed: int) -> None:
    key = tasks_of(name, seed)
    sheet = [without_answers(task) for task in key]
    assert any(
        isinstance(one, Blank) for task in key for row in task.rows for one in row
    )
    for task, answers in zip(sheet, key, strict=True):
        solver = SOLVERS[task.title]
        # Which entries are given is decided by chance: no solver may read a blank one.
        solved = solver(task, sheet) if solver in (crops, iou) else solver(task)
        for found, row in zip(solved, answers.rows, strict=True):
            for mine, entry in zip(found, row, strict=True):
                assert close(mine, entry), (name, seed, task.title, found, row)


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_sheets_file_holds_no_answer(name: str) -> None:
    """It is the same file whatever the answers are, and theirs are in the key alone."""
    tasks = tasks_of(name, 1)
    marked = [
        task._replace(
            rows=[
                [Blank("ANSWER") if isinstance(e, Blank) else e for e in row]
                for row in task.rows
            ]
        )
        for task in tasks
    ]
    sheet = worksheet.render(name, 1, tasks, key=False)
    assert sheet == worksheet.render(name, 1, marked, key=False)
    assert "ANSWER" not in sheet
    asked = sum(
        isinstance(e, Blank) for task in tasks for row in task.rows for e in row
    )
    assert worksheet.render(name, 1, marked, key=True).count("ANSWER") == asked
    assert sheet.count("to fill in</span>") == asked > 8


@pytest.mark.parametrize("name", CHAPTERS)
def test_another_seed_is_another_sheet(name: str) -> None:
    one, other = (tasks_of(name, seed) for seed in SEEDS)
    assert [task.rows for task in one] != [task.rows for task in other]


def test_equal_seeds_give_equal_sheets() -> None:
    assert worksheet.make_tasks("03_unet", 7) == tasks_of("03_unet", 7)


def test_a_chapter_without_a_sheet_is_told_which_have_one() -> None:
    with pytest.raises(ValueError, match=r"no worksheet of 'choosing'.*03_unet"):
        worksheet.make_tasks("choosing", 1)


def test_without_chromium_it_says_who_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worksheet, "BUILT", tmp_path)
    monkeypatch.setattr(worksheet, "find_chromium", lambda: None)
    monkeypatch.setattr("sys.argv", ["worksheet", "08_your_own_pictures", "--key"])
    assert worksheet.main() == 0
    assert "no PDF: open it in a browser and print" in capsys.readouterr().out
    assert [one.name for one in tmp_path.iterdir()] == ["08_your_own_pictures_key.html"]


@pytest.mark.browser
def test_the_longest_sheet_takes_two_pages_of_a4(tmp_path: Path, chromium: str) -> None:
    page = tmp_path / "sheet.html"
    name = max(CHAPTERS, key=lambda one: sum(len(t.rows) for t in tasks_of(one, 1)))
    html = worksheet.render(name, 1, tasks_of(name, 1), key=False)
    page.write_text(html, encoding="utf-8")
    printed = PdfReader(worksheet.print_pdf(page, chromium)).pages
    width, height = printed[0].mediabox[2:]
    assert (round(float(width)), round(float(height))) == (595, 842)
    assert len(printed) <= 2
