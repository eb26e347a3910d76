"""What a reader who asks for help is told: levels, texts, and their numbers."""

import json
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises import Result, check, list_exercises
from simseg_core.exercises.bench.checking import _module
from simseg_core.exercises.bench.help import Help
from tests.exercises.bench import Answers, stub_function

ROOT = Path(__file__).resolve().parents[2]


def of(number: str) -> Help:
    """The help of one exercise."""
    told = _module(number).HELP
    assert isinstance(told, Help)
    return told


def right(number: str) -> Any:
    """The first right answer with which the exercise's check is tested."""
    given: Answers = import_module(f"tests.exercises.test_ch{number[:2]}").given
    return next(answer for name, answer in given.right if name == number)


every_exercise = pytest.mark.parametrize("number", list_exercises())


# --- levels ---------------------------------------------------------------------------


def wrong(x: Tensor, height: int, width: int) -> Tensor:
    return x[..., :height, :width]


def shown(result: Result) -> dict[str, str]:
    """What stands behind each label, in order; folded lines are joined."""
    _, *lines = re.split(r"\n  (?=\w)", str(result))
    pairs = (re.sub(r"\s+", " ", line).partition(": ") for line in lines)
    return {label: text for label, _, text in pairs}


def test_levels_add_up_on_a_wrong_answer() -> None:
    one, two, three = (shown(check("03.2", wrong, hint=n)) for n in (1, 2, 3))
    assert list(one) == ["hint", "more"]
    assert list(two) == ["hint", "read", "ask", "more"]
    assert list(three) == ["hint", "read", "ask", "idea"]
    assert one["hint"] == two["hint"] == three["hint"]
    assert (two["read"], two["ask"]) == (three["read"], three["ask"])
    assert one["more"] != two["more"]


@every_exercise
def test_help_comes_before_the_first_line_is_written(number: str) -> None:
    help_ = of(number)
    alone, two, three = (check(number, stub_function, hint=n) for n in (1, 2, 3))
    assert {r.status for r in (alone, two, three)} == {"not attempted"}
    assert "\n" not in str(alone)
    assert list(shown(two)) == ["read", "ask", "more"]
    assert list(shown(three)) == ["read", "ask", "idea"]
    assert shown(three)["read"] == f'chapter {number[:2]}, "{help_.read}".'
    assert shown(three)["ask"] == help_.ask
    assert shown(three)["idea"] == help_.idea


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_right_answer_is_told_no_more(level: int) -> None:
    assert check("03.2", right("03.2"), hint=level) == check("03.2", right("03.2"))
    assert check("03.2", right("03.2"), hint=level).more is None


def test_each_level_but_the_last_says_how_to_ask_for_the_next() -> None:
    for level in (1, 2):
        more = check("05.4", lambda *a: 0, hint=level).more
        assert more is not None
        assert f'check("05.4", answer, hint={level + 1})' in more
    assert check("05.4", lambda *a: 0, hint=3).more is None


@pytest.mark.parametrize("level", [0, 4, -1, "2", True, 2.0, None])
def test_another_level_is_refused(level: Any) -> None:
    for answer in (None, wrong, right("03.2")):
        with pytest.raises(ValueError, match=r"hint=.* choose 1 .*, 2 .* or 3 "):
            check("03.2", answer, hint=level)


@every_exercise
def test_lines_fit_a_notebook_and_hang_behind_their_label(number: str) -> None:
    first, *lines = str(check(number, stub_function, hint=3)).splitlines()
    assert first.startswith(number)
    for line in lines:
        assert len(line) <= 88
        assert re.match(r"  (?:read|ask|idea): +(?<=^.{9})\S| {9}\S", line), line


def test_each_step_of_an_example_begins_a_line() -> None:
    begins = [line[9:14] for line in str(check("03.4", None, hint=3)).splitlines()]
    steps = re.findall(r"(?:^|[.?]\)?) ([A-Z(].{4})", f" {of('03.4').idea}")
    assert len(steps) == 6
    assert [one for one in begins if one in steps] == steps


def test_a_long_hint_is_folded_as_well() -> None:
    result = check("03.2", lambda *a: 1 / 0 if "a long line of the reader's" else wrong)
    assert result.hint is not None
    assert len(result.hint) > 88
    _, first, *lines = str(result).splitlines()
    assert first.startswith("  hint:  ")
    assert re.match(r" {9}\S", lines[0])
    assert max(map(len, lines)) <= 88
    assert shown(result)["hint"] == result.hint


# --- texts ----------------------------------------------------------------------------


def headings(number: str) -> set[str]:
    """The titles of a chapter's sections."""
    (path,) = (ROOT / "chapters").glob(f"{number[:2]}_*.ipynb")
    cells = json.loads(path.read_text())["cells"]
    words = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    return {t for text in words for t in re.findall(r"^###? (.+)$", text, re.MULTILINE)}


@every_exercise
def test_the_section_to_read_is_in_the_chapter(number: str) -> None:
    assert of(number).read in headings(number) - {"Exercises", "Recap", "Predict first"}


@every_exercise
def test_texts_are_short_and_plain(number: str) -> None:
    help_ = of(number)
    assert "?" in help_.ask
    assert 15 <= len(help_.ask.split()) <= 60
    assert 60 <= len(help_.idea.split()) <= 150
    for text in (help_.ask, help_.idea):
        assert text == " ".join(text.split())
        assert re.fullmatch(r"[A-Z].*[.?]", text)
        assert not re.search(r"\b(?:simply|just|easy|obviously|of course)\b", text)


def test_no_two_exercises_say_the_same() -> None:
    texts = [text for n in list_exercises() for text in (of(n).ask, of(n).idea)]
    assert len(set(texts)) == len(texts) == 2 * len(list_exercises())


CODE = re.compile(
    r"[A-Za-z_]\w*[(\[]"  # a call or an index
    r"|[A-Za-z_]\w*\.[A-Za-z_]"  # an attribute
    r"|[A-Za-z_]\w* ?[-+*/%<>] \w|\w [-+*/%<>] ?[A-Za-z_]"  # sums of names
    r"|\*\*|//|==|:=|->|@|[A-Za-z_]\w* = "
    r"|\b(?:def|return|lambda|import|torch|nn|self)\b"
)
LIBRARY = {name for owner in (torch, Tensor, nn, F) for name in dir(owner)}


def code_in(text: str) -> list[str]:
    """What could be pasted into an answer."""
    words = set(re.findall(r"[A-Za-z_]\w*", text)) - {"ReLU"}  # a word of the field
    spelt = [n for n in words & LIBRARY if re.search(r"[_\d]|[a-z][A-Z]", n)]
    return CODE.findall(text) + spelt


@every_exercise
def test_no_text_holds_code(number: str) -> None:
    answers = (ROOT / f"tests/exercises/test_ch{number[:2]}.py").read_text()
    lines = [line.strip() for line in answers.splitlines() if len(line.strip()) > 12]
    for text in (of(number).ask, of(number).idea):
        assert not code_in(text)
        assert set(re.findall(r"`([^`]*)`", text)) <= {"trace_shapes"}
        assert not [line for line in lines if line in text]


@pytest.mark.parametrize(
    "text",
    [
        "Take x.flatten(2) of it.",
        "The map is side // 2 wide.",
        "Then scores @ value is all.",
        "So rate = rate * stride from there on.",
        "Go through x[..., 2:5] next.",
        "It is height - below in all.",
        "Use the log_softmax of them.",
        "Call nn.Conv2d there.",
        "A lambda will do.",
    ],
)
def test_code_would_be_found(text: str) -> None:
    assert code_in(text)


def test_words_and_sums_are_no_code() -> None:
    text = (
        "Cross-entropy of -2 and -1, (3 + 4) / 2 = 3.5: a ReLU, 1/4 (or 2), BatchNorm."
    )
    assert not code_in(text)


# --- numbers --------------------------------------------------------------------------


def sums(text: str) -> Iterator[tuple[str, str, str]]:
    """Every sum that a text writes out: its left side, = or about, its right side."""
    for match in re.finditer(r" (=|≈) (-?\d+(?:\.\d+)?)", text):
        before = re.split(r"[^-+·/().\d ]|\. ", text[: match.start()])[-1]
        yield before.strip().replace("·", "*"), match[1], match[2]


@every_exercise
def test_every_sum_is_right(number: str) -> None:
    help_ = of(number)
    text = f"{help_.ask} {help_.idea}"
    written = list(sums(text))
    assert len(written) == len(re.findall("[=≈]", text))
    for left, sign, value in written:
        assert re.search(r"[-+*/]", left[1:]), f"no sum: {left!r}"
        exact = eval(left)  # digits and signs alone, see above
        digits = len(value.partition(".")[2])
        assert sign == "≈" or abs(exact - float(value)) < 1e-9, (left, value)
        assert abs(exact - float(value)) <= 0.5001 * 10**-digits, (left, value)


class Fields(nn.Sequential):
    """03.5's toy on one axis: a stage is one convolution, and there are no skips."""

    def __init__(self) -> None:
        def stage() -> nn.Module:
            return nn.Conv1d(1, 1, 3, bias=False)

        down = [stage(), nn.AvgPool1d(2), stage(), nn.AvgPool1d(2), stage()]
        up = [
            nn.Upsample(scale_factor=2),
            stage(),
            nn.Upsample(scale_factor=2),
            stage(),
        ]
        super().__init__(*down, *up)
        for weight in self.parameters():
            nn.init.ones_(weight)

    def sizes(self) -> set[int]:
        """The numbers of pixels that the outputs see."""
        x = torch.ones(1, 1, 58, requires_grad=True)
        seen = [torch.autograd.grad(y, x, retain_graph=True)[0] for y in self(x)[0, 0]]
        return {int((one > 0).sum()) for one in seen}


def channel_gates() -> Tensor:
    """02.2's toy: means 1 and 2, maxima 3 and 2."""
    x = torch.tensor([[-1.0, 3.0], [2.0, 2.0]]).view(1, 2, 1, 2)
    w1, w2 = torch.tensor([[1.0, 1.0]]), torch.tensor([[2.0], [-1.0]])
    gate = right("02.2")(x, w1, torch.tensor([-4.0]), w2, torch.tensor([0.0, 1.0]))
    return gate


def spatial_gate() -> Tensor:
    """02.3's place, with a gate of one half; its kernel of 5 has that many weights."""
    gate = right("02.3")(5).eval()
    weights = sum(p.numel() for p in gate.parameters())
    assert weights == 50 + 2
    for p in gate.parameters():
        nn.init.zeros_(p)
    return gate(torch.tensor([4.0, -2.0, 0.0, 6.0]).view(1, 4, 1, 1))


def counts(module: nn.Module) -> list[int]:
    """The weights of each layer of a module, biases included."""
    leaves = (m for m in module.modules() if not list(m.children()))
    return [n for n in (sum(p.numel() for p in m.parameters()) for m in leaves) if n]


def ious() -> Tensor:
    """08.4's four pictures of 12 pixels, as predictions and labels of class 1."""
    of_picture = [(6, 2, 0), (1, 1, 0), (0, 0, 0), (0, 0, 3)]  # both, label, prediction
    pairs = [
        [[1] * both + [0] * a + [1] * b, [1] * both + [1] * a + [0] * b]
        for both, a, b in of_picture
    ]
    padded = [[row + [0] * (12 - len(row)) for row in pair] for pair in pairs]
    predictions, labels = torch.tensor(padded).view(4, 2, 3, 4).unbind(dim=1)
    labels[0, 2, 3], predictions[0, 2, 3] = 255, 1
    return torch.tensor(right("08.4")(predictions, labels, 1))


def set_of_two() -> float:
    """00.4's two images of 8 and 4 pixels, and a void one in each."""
    label = torch.tensor([[0] * 6 + [1] * 2 + [255]])
    guess = torch.tensor([[0] * 5 + [1] * 3 + [1]])
    other = torch.tensor([[0] * 1 + [0, 0, 1] + [255]])
    guess_2 = torch.tensor([[0] * 1 + [1, 1, 0] + [0]])
    return right("00.4")([(guess, label), (guess_2, other)], 3, 255)


def dice_loss() -> Tensor:
    """00.3's three pixels, the last one void."""
    p = torch.tensor([[0.8, 0.4, 0.5], [0.2, 0.6, 0.5]]).view(1, 2, 1, 3)
    return right("00.3")(p.log(), torch.tensor([[[0, 1, 255]]]), 2)


def cross_entropy() -> Tensor:
    """00.1's three pixels, the last one void."""
    logits = torch.tensor([[0.0, 0.0, 5.0], [torch.log(torch.tensor(3.0)), 0.0, 1.0]])
    return right("00.1")(logits.view(1, 2, 1, 3), torch.tensor([[[1, 0, 255]]]), 255)


def atrous_row() -> Tensor:
    """04.2's row, by a kernel whose middle row alone is not zero."""
    row = torch.tensor([3.0, 1.0, 4.0, 1.0, 5.0, 9.0]).view(1, 1, 1, 6)
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1] = torch.tensor([1.0, 10.0, 100.0])
    return right("04.2")(row, weight, 4)[0, 0, 0, [0, 4]]


def wiring_of_eight() -> list[int]:
    """06.5's smaller task: its limits hold; the number of its links."""
    reads = [[0], [1], [2], [3, 0], [4], [5], [6, 1], [7]]
    away = [0]
    for sources in reads:
        away.append(1 + min(away[i] for i in sources))
    readers = [sum(n in sources for sources in reads) for n in range(8)]
    assert max(away) == 3
    assert max(readers) == 2
    return [sum(map(len, reads)), *away[1:]]


def mean_rows() -> Tensor:
    """08.2's two images, three equal channels."""
    values = torch.tensor([[2.0, 8.0, 5.0], [4.0, 6.0, 1.0]]).view(2, 1, 1, 3)
    labels = torch.tensor([[0, 1, 255], [1, 1, 0]]).view(2, 1, 3)
    return right("08.2")(values.expand(-1, 3, -1, -1), labels, 2)


def attended() -> Tensor:
    """01.2's query, two keys and their values."""
    key = torch.tensor([[[0.0, 0.0], [torch.log(torch.tensor(3.0)), 0.0]]])
    value = torch.tensor([[[8.0, 0.0], [0.0, 4.0]]])
    return right("01.2")(torch.ones(1, 1, 2), key, value)


def listed() -> Tensor:
    """01.1's map of two channels on 2 rows of 3."""
    x = torch.arange(1.0, 7.0).view(1, 1, 2, 3)
    return right("01.1")(torch.cat([x, 10 * x], dim=1))


RESIZED = F.interpolate(torch.arange(1.0, 4.0).view(1, 1, 3), 5)
ENLARGED = F.interpolate(torch.tensor([[[0.0, 12.0]]]), 4, mode="linear")
WORKED: list[tuple[str, Callable[[], Any]]] = [
    ("00.1", cross_entropy),
    ("00.2", lambda: right("00.2")(torch.tensor([16, 0, 100, 400]))[[0, 2, 3]]),
    ("00.3", dice_loss),
    ("00.4", set_of_two),
    ("01.1", listed),
    ("01.2", attended),
    ("01.3", lambda: sum(counts(right("01.3")(32)), start=1)),
    ("01.4", lambda: right("01.4")(4, 3, 5, False)),
    ("01.4", lambda: right("01.4")(4, 3, 5, True)),
    ("02.1", lambda: right("02.1")(50, 8)),
    ("02.2", channel_gates),
    ("02.3", spatial_gate),
    ("03.3", lambda: counts(right("03.3")(10, 5))),
    ("03.4", lambda: counts(right("03.4")(3, 5))),
    ("03.5", Fields().sizes),
    ("04.1", lambda: right("04.1")([(5, 3, 1), (3, 2, 2), (3, 1, 1)])),
    ("04.2", atrous_row),
    ("04.3", lambda: right("04.3")((2, 2, 2, 1, 4, 1), 4)),
    ("04.4", lambda: counts(right("04.4")(8, 3, (3, 4)))),
    ("04.5", lambda: [right("04.5")(10, rate) for rate in (3, 7, 12)]),
    ("05.1", lambda: right("05.1")(10, 20, 6, 8)),
    ("05.2", lambda: sum(counts(right("05.2")(3, 7, 5)))),
    ("05.3", lambda: counts(right("05.3")(10, 6, 2))),
    ("05.3", lambda: ENLARGED),
    ("05.4", lambda: right("05.4")(6e6, 10e6, 4e9, 2e9)),
    ("05.4", lambda: right("05.4")(6e6, 1e6, 4e9, 2e9)),
    ("06.1", lambda: [right("06.1")(layer) for layer in (20, 21, 16)]),
    ("06.2", lambda: right("06.2")(24, 20, 1.5)),
    ("06.3", lambda: right("06.3")(12, 20, 4)(torch.zeros(1, 12, 3, 3)).shape[1]),
    ("06.4", lambda: right("06.4")(12, 20, 1.7, 4)),
    ("06.5", wiring_of_eight),
    ("07.1", lambda: right("07.1")(150)),
    ("07.2", lambda: counts(right("07.2")(4, 2, 7))),
    ("07.2", lambda: RESIZED),
    ("08.2", mean_rows),
    ("08.3", lambda: [right("08.3")(length, 100, 20) for length in (250, 180, 90)]),
    ("08.4", ious),
]


def numbers(value: Any) -> Iterator[float]:
    """All numbers in a nest of lists, tuples and tensors."""
    if isinstance(value, Tensor):
        value = value.flatten().tolist()
    if isinstance(value, list | tuple | set):
        for one in value:
            yield from numbers(one)
    else:
        yield float(value)


@pytest.mark.parametrize(("number", "work"), WORKED)
def test_a_worked_example_has_the_right_answers_numbers(
    number: str, work: Callable[[], Any]
) -> None:
    """What a right answer makes of the example stands in its text, rounded or not."""
    written = re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", of(number).idea)
    for wanted in numbers(work()):
        assert any(
            abs(float(one) - wanted) <= 0.5001 * 10 ** -len(one.partition(".")[2])
            for one in written
            if "." in one or wanted == round(wanted, 4)
        ), (wanted, written)


@pytest.mark.parametrize("number", sorted({number for number, _ in WORKED}))
def test_an_example_is_none_of_the_checks_own(
    number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, calls = right(number), list[str]()

    def noting(*args: Any) -> Any:
        calls.append(repr(args))
        return answer(*args)

    monkeypatch.setitem(globals(), "right", lambda _: noting)
    for name, work in WORKED:
        if name == number:
            work()
    worked = set(calls)
    calls.clear()
    if worked:  # some examples are smaller tasks, which no answer is asked for
        assert check(number, noting).status == "right"
        assert calls
        assert not worked & set(calls)


def test_worked_names_are_split_as_told() -> None:
    train, held_out = right("08.1")(["north_shore_a", "north_b", "shore_a"], ["north"])
    idea = of("08.1").idea
    assert f"to train on, {' and '.join(train)}; held out, {held_out[0]}." in idea
    assert len(held_out) == 1
