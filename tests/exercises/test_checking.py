"""What every check does, whatever the exercise."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises import check, list_exercises
from simseg_core.exercises.bench import patience, reader
from simseg_core.exercises.bench.modules import fill, sees_without_small_maps
from simseg_core.exercises.bench.patience import Stopwatch, TooLong
from simseg_core.exercises.bench.reader import is_untouched


def stub(x): ...


def stub_with_docstring(x):
    """Crop."""


def stub_that_raises(x):
    """Crop."""
    raise NotImplementedError


def stub_that_raises_with_a_text(x):
    raise NotImplementedError("your turn")


class StubOfOldStyle(nn.Module):
    def __init__(self, channels):
        super(StubOfOldStyle, self).__init__()  # noqa: UP008

    def forward(self, x):
        raise NotImplementedError()


class LayersAndNoForwardYet(nn.Module):
    def __init__(self, *sizes):
        super().__init__()
        self.mix = nn.Conv2d(3, 3, 1)

    def forward(self, *x): ...


def raises_something_else(x):
    raise ValueError("x")


def computes_and_forgets_to_return(x):
    x + 1


class StubModule(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()

    def forward(self, x): ...


class NoForward(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()


@pytest.mark.parametrize("number", list_exercises())
@pytest.mark.parametrize(
    "answer",
    [
        None,
        ...,
        stub,
        stub_with_docstring,
        stub_that_raises,
        stub_that_raises_with_a_text,
        StubModule,
        StubOfOldStyle,
    ],
)
def test_an_untouched_stub_is_not_attempted(number: str, answer: object) -> None:
    result = check(number, answer)
    assert result.status == "not attempted"
    assert result.hint is None
    assert str(result).endswith("not attempted yet.")


@pytest.mark.parametrize(
    "answer",
    [
        computes_and_forgets_to_return,
        raises_something_else,
        lambda x: 5,
        len,
        3,
        NoForward(1, 1),
        LayersAndNoForwardYet,
    ],
)
def test_work_is_not_taken_for_a_stub(answer: object) -> None:
    assert not is_untouched(answer)


@pytest.mark.parametrize("number", list_exercises())
@pytest.mark.parametrize(
    "answer", [3, "text", lambda: 1 / 0, lambda *a: 1 / 0, NoForward, torch.zeros(2)]
)
def test_nonsense_gets_a_hint_and_never_an_exception(
    number: str, answer: object
) -> None:
    result = check(number, answer)
    assert result.status == "not yet"
    assert result.hint


def test_unknown_number_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"did you mean '03\.2'"):
        check("3.2", None)


def test_exchanged_arguments_are_told() -> None:
    with pytest.raises(ValueError, match=r'number comes first.*check\("03\.2", answer'):
        check(stub, "03.2")  # type: ignore[arg-type]


def my_positions(x: Tensor) -> Tensor:
    return x.flatten(2).mT


class UpStep(nn.Module):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(c_in, c_out, 2, stride=2)
        self.one, self.two = nn.Conv2d(2 * c_out, c_out, 3), nn.Conv2d(c_out, c_out, 3)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        (H, W), (h, w) = skip.shape[-2:], x.shape[-2:]
        top, left = (H - h) // 2, (W - w) // 2
        x = torch.cat([skip[..., top : top + h, left : left + w], x], dim=1)
        return self.two(self.one(x).relu()).relu()


def state() -> tuple[Any, ...]:
    return (
        torch.get_rng_state().tolist(),
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        torch.get_default_dtype(),
        torch.empty(0).device,
        torch.get_num_threads(),
        torch.is_grad_enabled(),
    )


def unruly_positions(x: Tensor) -> Tensor:
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    return my_positions(x)


@pytest.mark.parametrize("answer", [my_positions, unruly_positions])
def test_a_check_leaves_everything_as_it_was(answer: Callable[..., Any]) -> None:
    before = state()
    assert check("01.1", answer).status in ("right", "not yet")
    assert state() == before


@pytest.fixture
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def on_meta() -> Iterator[None]:
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


@pytest.mark.parametrize("setting", ["float64", "on_meta"])
def test_a_check_works_whatever_the_defaults(
    setting: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(setting)
    before = state()
    assert check("01.1", my_positions).status == "right"
    assert check("03.3", UpStep).status == "right"
    assert state() == before


@pytest.mark.parametrize(
    "mode", [torch.no_grad, torch.inference_mode, lambda: torch.device("meta")]
)
def test_a_check_works_inside_any_mode(
    mode: Callable[[], AbstractContextManager[Any]],
) -> None:
    with mode():
        assert check("03.3", UpStep).status == "right"


# --- what is told of the reader's own errors ----------------------------------------


def hint(number: str, answer: Any) -> str:
    result = check(number, answer)
    assert result.status == "not yet", result
    assert result.hint is not None
    return result.hint


def divides_by_nothing(x: Tensor) -> Tensor:
    rows = x.shape[0]
    return x / (rows // 0)


def exits(x: Tensor) -> Tensor:
    raise SystemExit


def fails_in_a_generator(depth: int) -> Iterator[int]:
    yield 1 // 0


@pytest.mark.parametrize(
    ("number", "answer", "words"),
    [
        ("01.1", divides_by_nothing, "ZeroDivisionError: integer"),
        ("01.1", divides_by_nothing, "(line "),
        (
            "01.1",
            divides_by_nothing,
            " of divides_by_nothing: `return x / (rows // 0)`)",
        ),
        ("01.1", divides_by_nothing, "my_positions(x) with x of (1, 2, 1, 3) raises"),
        ("01.1", exits, "raises SystemExit (line "),
        ("03.5", fails_in_a_generator, "of fails_in_a_generator: `yield 1 // 0`"),
        ("06.1", fails_in_a_generator, "of fails_in_a_generator: `yield 1 // 0`"),
        ("01.1", lambda: 0, "takes 0 positional arguments but 1 was given"),
        ("01.3", LayersAndNoForwardYet, "returns None: is there a return"),
        ("01.1", torch.zeros(2), "got a Tensor: hand over the name alone"),
        ("01.1", "x.flatten(2)", "got a str: hand over the name alone"),
        ("03.3", UpStep(8, 4), "hand over the class itself"),
        ("03.3", lambda c_in, c_out: 3, "makes an int: does your class inherit"),
        ("03.6", UpStep(8, 4), "Hand over the function"),
        ("05.5", UpStep(8, 4), "Hand over the function"),
    ],
)
def test_an_error_is_told_where_it_is(number: str, answer: Any, words: str) -> None:
    assert words in hint(number, answer)


def test_an_error_inside_a_library_is_told_by_the_readers_line() -> None:
    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return F.linear(query, value)

    told = hint("01.2", attend)
    assert "of attend: `return F.linear(query, value)`" in told
    assert "\n" not in told


# --- code that does not end -----------------------------------------------------------


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call may compute for 0.1 s, or take 1 s."""
    monkeypatch.setattr(reader, "SECONDS", 0.1)


def endless(layer: int) -> list[int]:
    found: list[int] = []
    while layer:
        try:
            found[:] = [layer]
        except Exception:
            break
    return found


def endless_and_catches_all(layer: int) -> list[int]:
    while layer:
        try:
            layer += 1
        except:  # noqa: E722
            layer -= 1
    return []


def endless_generator(layer: int) -> Iterator[int]:
    while True:
        layer += 1
    yield layer


@pytest.mark.parametrize(
    "answer", [endless, endless_and_catches_all, endless_generator]
)
def test_an_endless_loop_is_stopped(answer: Callable[..., Any], short: None) -> None:
    running = threading.active_count()
    told = hint("06.1", answer)
    assert "did not come back within 0.1 s and was stopped (line" in told
    assert f"of {answer.__name__}: `" in told
    assert threading.active_count() == running


@pytest.mark.parametrize(
    "lacking", [["pthread_getcpuclockid"], []], ids=["other systems", "here"]
)
def test_it_is_stopped_in_any_thread_of_any_system(
    lacking: list[str], short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in lacking:
        monkeypatch.delattr(time, name, raising=False)
    told: list[str] = []
    asking = threading.Thread(target=lambda: told.append(hint("06.1", endless)))
    asking.start()
    asking.join(60)
    assert "was stopped" in told[0]


class Endless(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        while True:
            x = x + 1


def test_it_is_stopped_where_no_step_calls_it(short: None) -> None:
    """Probes call a network by themselves, not as a step."""
    with pytest.raises(TooLong) as late:
        patience.run(lambda: Endless()(torch.zeros(1)), Stopwatch(), 0.1)
    assert "Your code did not come back" in reader.describe_delay(late.value)
    assert "of forward: `" in reader.describe_delay(late.value)


@pytest.fixture
def patient(short: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call may compute for 0.1 s as well, and take 100 s."""
    monkeypatch.setattr(patience, "WAITING", 1000)


def test_waiting_is_no_computing(patient: None) -> None:
    """A busy computer makes an answer wait; a sleep stands for it here."""

    def late_positions(x: Tensor) -> Tensor:
        time.sleep(0.2)
        return my_positions(x)

    assert check("01.1", late_positions).status == "right"


def sleeps(x: Tensor) -> Tensor:
    time.sleep(1e6)
    return x


def waits(x: Tensor) -> Tensor:
    threading.Event().wait()
    return x


@pytest.mark.parametrize("answer", [sleeps, waits])
def test_an_endless_sleep_is_left_behind(
    answer: Callable[..., Any], short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "WAITING", 2)
    monkeypatch.setattr(reader, "WAITING", 2)
    monkeypatch.setattr(patience, "_LAST", 0.05)
    before = state()
    told = hint("01.1", answer)
    assert "within 0.2 s, though it hardly computed (line" in told
    assert f"of {answer.__name__}: `" in told
    assert state() == before


def test_each_call_has_its_own_time(patient: None) -> None:
    """Many right calls together may take longer than one."""

    def slow_links(layer: int) -> list[int]:
        end = time.thread_time() + 0.04
        while time.thread_time() < end:
            pass
        return links(layer)

    before = time.process_time()
    assert check("06.1", slow_links).status == "right"
    assert time.process_time() - before > 0.1


def test_an_interruption_stops_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C reaches the thread that watches, and is not turned into a hint."""
    running = threading.active_count()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Stopwatch, "overdue", interrupted)
    before = state()
    with pytest.raises(KeyboardInterrupt):
        check("06.1", endless)
    assert threading.active_count() == running
    assert state() == before


def test_a_check_inside_an_answer_is_stopped_with_it(short: None) -> None:
    running = threading.active_count()

    def asks(layer: int) -> list[int]:
        while True:
            check("06.1", endless)

    assert "of endless: `" in hint("06.1", asks)
    assert threading.active_count() == running


class Unlike:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]


def test_what_cannot_be_compared_is_a_hint_too() -> None:
    assert "cannot be compared: RuntimeError: no" in hint("02.1", lambda *a: Unlike())


# --- the input is the caller's --------------------------------------------------------


def positions_in_place(x: Tensor) -> Tensor:
    x *= 2
    return my_positions(x) / 2


def field_by_popping(layers: list[tuple[int, int, int]]) -> int:
    field = step = 1
    while layers:
        kernel, stride, rate = layers.pop(0)
        field, step = field + (kernel - 1) * rate * step, step * stride
    return field


class GateInPlace(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.mul_(0.5)


@pytest.mark.parametrize(
    ("number", "answer", "name"),
    [
        ("01.1", positions_in_place, "`x`"),
        ("04.1", field_by_popping, "`layers`"),
        ("02.5", GateInPlace, "`x`"),
    ],
)
def test_an_input_changed_in_place_is_told(number: str, answer: Any, name: str) -> None:
    """On right numbers too; the comparison itself is on the input as it was."""
    assert f"changes its input {name} in place" in hint(number, answer)


# --- modules --------------------------------------------------------------------------


class LayersInAList(nn.Module):
    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.steps = [nn.Conv2d(3, 3, 1)]

    def forward(self, *x: Tensor) -> Tensor:
        return x[0]


class ForgetsSuper(nn.Module):
    def __init__(self, *sizes: int) -> None:
        self.sizes = 3

    def forward(self, *x: Tensor) -> Tensor:
        return x[0]


class ForgetsSuperBeforeALayer(ForgetsSuper):
    def __init__(self, *sizes: int) -> None:
        self.mix = nn.Conv2d(3, 3, 1)


class Lazy(ForgetsSuper):
    def __init__(self, *sizes: int) -> None:
        nn.Module.__init__(self)
        self.mix = nn.LazyConv2d(3, 1)


class NoModule:
    def __init__(self, *sizes: int) -> None: ...

    def __call__(self, *x: Tensor) -> Tensor:
        return x[0]


@pytest.mark.parametrize(
    "number",
    ["01.3", "02.3", "02.5", "03.3", "03.4", "04.4", "05.2", "05.3", "06.3", "07.2"],
)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (LayersInAList, "self.steps keeps layers where PyTorch does not see them"),
        (ForgetsSuper, "Begin __init__ with super().__init__()"),
        (ForgetsSuperBeforeALayer, "Begin __init__ with super().__init__()"),
        (Lazy, "name its input channels"),
        (NoModule, "makes a NoModule: does your class inherit nn.Module?"),
    ],
)
def test_a_class_that_makes_no_proper_module(
    number: str, answer: type, words: str
) -> None:
    assert words in hint(number, answer)


def test_layers_named_twice_are_no_hidden_layers() -> None:
    class WithAList(UpStep):
        def __init__(self, c_in: int, c_out: int) -> None:
            super().__init__(c_in, c_out)
            self.steps = [self.one, self.two]

    assert check("03.3", WithAList).status == "right"


# --- numbers and arrays ---------------------------------------------------------------


def links(layer: int) -> list[int]:
    return [layer - 2**i for i in range(layer.bit_length()) if layer % 2**i == 0]


@pytest.mark.parametrize(
    "wrap",
    [
        tuple,
        iter,
        np.array,
        torch.tensor,
        lambda found: map(float, found),
        lambda found: [np.int64(n) for n in found],
    ],
)
def test_a_list_may_be_any_sequence(wrap: Callable[..., Any]) -> None:
    assert check("06.1", lambda layer: wrap(links(layer))).status == "right"


@pytest.mark.parametrize(
    "wrap",
    [
        str,
        lambda found: [f"{n}" for n in found],
        lambda found: [n + 0.5 for n in found],
    ],
)
def test_a_list_holds_whole_numbers(wrap: Callable[..., Any]) -> None:
    assert "a list of layers" in hint("06.1", lambda layer: wrap(links(layer)))


@pytest.mark.parametrize("wrap", [float, np.int64, np.array, torch.tensor])
def test_a_number_may_be_of_any_kind(wrap: Callable[..., Any]) -> None:
    def width(layer: int, growth: int, multiplier: float) -> Any:
        exact = growth * multiplier ** (len(links(layer)) - 1)
        return wrap((int(exact) + 1) // 2 * 2)

    assert check("06.2", width).status == "right"


def test_a_tensor_may_be_an_array() -> None:
    assert check("01.1", lambda x: my_positions(x).numpy()).status == "right"


@pytest.mark.parametrize(
    ("number", "answer", "words"),
    [
        ("01.1", lambda x: x, "Wanted is the shape (1, 3, 2), yours is (1, 2, 1, 3)."),
        ("01.1", lambda x: x.tolist(), "Wanted is a tensor, yours is a list."),
        ("02.1", lambda *a: (1, 2), "Wanted is one number, yours is a tuple."),
        ("02.1", lambda *a: 7, "Yours is 7."),
    ],
)
def test_a_hint_tells_what_came_back(number: str, answer: Any, words: str) -> None:
    assert words in hint(number, answer)


# --- networks -------------------------------------------------------------------------


class Shrinks(nn.Module):
    """Every value passes a map of half the size, made by a function."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(F.max_pool2d(x, 2), scale_factor=2))


class Gated(nn.Module):
    """A path at full size, scaled by a gate whose layers are modules."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, 6, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * self.gate(x)


class Attends(nn.Module):
    """Attention among all pixels, of two heads: four axes and no small map."""

    def forward(self, x: Tensor) -> Tensor:
        heads = x.flatten(2).unflatten(1, (2, -1)).mT
        out = F.scaled_dot_product_attention(heads, heads, heads)
        return out.mT.flatten(1, 2).view_as(x)


@pytest.mark.parametrize(
    ("model", "channels", "sees"), [(Shrinks, 3, 0), (Gated, 3, 1), (Attends, 6, 1)]
)
def test_paths_at_full_size_are_found(
    model: type[nn.Module], channels: int, sees: bool
) -> None:
    x = torch.randn(1, channels, 16, 16)
    assert sees_without_small_maps(model(), x, area=16 * 16 // 2 + 1) == bool(sees)


def test_filling_does_not_depend_on_order_or_names() -> None:
    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(x))

    class Other(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.mix = nn.BatchNorm2d(4), nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.mix(x))

    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(fill(One())(x), fill(Other())(x))


def test_a_kernel_of_any_name_is_filled_as_a_weight() -> None:
    class Raw(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = nn.Parameter(torch.zeros(4, 3, 1, 1))

    assert torch.equal(fill(Raw()).kernel, fill(nn.Conv2d(3, 4, 1, bias=False)).weight)


PROFILED = """
import sys, time
from simseg_core.exercises.bench import patience

def profile():
    sys.setprofile(lambda *event: None)
    (lambda: None)()
    sys.setprofile(None)

def endless():
    while True:
        pass

profile()
patience.run(lambda: None, patience.Stopwatch(), 60)
profile()
for work in (endless, lambda: time.sleep(10)):
    patience.WAITING = 1
    try:
        patience.run(work, patience.Stopwatch(), 0.1)
    except patience.TooLong:
        profile()
        print("profiled")
"""


def test_after_a_check_code_can_be_profiled() -> None:
    """Python 3.11 does not come back where something thrown has never arrived."""
    done = subprocess.run(
        [sys.executable, "-c", PROFILED], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["profiled"] * 2, done.stderr
