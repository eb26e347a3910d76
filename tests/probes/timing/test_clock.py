"""Timing on a fake clock, so that no test depends on how busy the machine is."""

import fcntl
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.utils import benchmark

from simseg_core.probes.timing import machine, turns
from simseg_core.probes.timing.clock import compare, measure
from simseg_core.probes.timing.comparison import Comparison
from simseg_core.probes.timing.kept import write_json
from simseg_core.probes.timing.measurement import Measurement
from simseg_core.tables.units import duration

BRIEF = {"min_run_time": 0.001, "max_run_time": 0.01}


class Clock:
    """Time that passes only when a fake call says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.readings = 0

    def __call__(self) -> float:
        self.readings += 1
        self.now += 1e-9
        return self.now

    def call(self, name: str, *seconds: float) -> Callable[[], Tensor]:
        """Return a function that takes these seconds in turn."""
        calls = 0

        def run() -> Tensor:
            nonlocal calls
            self.now += seconds[calls % len(seconds)]
            calls += 1
            return torch.zeros(1)

        run.__name__ = name
        return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(machine, "clock_of", lambda device: fake)
    return fake


def test_median_and_quartiles_are_those_of_the_calls(clock: Clock) -> None:
    found = measure(
        clock.call("f", 1.0, 2.0, 3.0, 4.0), min_run_time=100, max_run_time=1000
    )
    assert set(map(round, found.times)) == {1, 2, 3, 4}
    assert found.runs_per_time == 1
    assert found.median == pytest.approx(2.5, abs=0.5)
    low, high = found.quartiles
    assert 1 <= low < found.median < high <= 4
    assert found.iqr == pytest.approx(high - low)


def test_a_steady_call_stops_early_and_an_unsteady_one_uses_its_time(
    clock: Clock,
) -> None:
    steady = measure(clock.call("steady", 1.0), min_run_time=1, max_run_time=60)
    begun = clock.now
    unsteady = measure(
        clock.call("unsteady", 1.0, 2.0, 4.0), min_run_time=1, max_run_time=60
    )
    assert len(steady.times) < 8
    assert clock.now - begun >= 60
    assert len(unsteady.times) > 8


def test_short_calls_are_timed_in_blocks(clock: Clock) -> None:
    found = measure(clock.call("short", 1e-6), min_run_time=0.01, max_run_time=1)
    assert found.runs_per_time >= 10
    assert found.median == pytest.approx(1e-6, rel=0.01)


def test_the_call_is_warm_before_it_is_timed(clock: Clock) -> None:
    cold = clock.call("cold", 1000.0, *[1.0] * 999)
    assert max(measure(cold, **BRIEF).times) == pytest.approx(1, rel=0.01)


def test_competitors_take_turns_and_each_round_has_its_ratio(clock: Clock) -> None:
    order: list[str] = []

    def slow_down(name: str, seconds: float) -> Callable[[], Tensor]:
        def run() -> Tensor:
            order.append(name)
            clock.now += seconds * (1 + clock.now / 100)  # the machine gets hotter
            return torch.zeros(1)

        return run

    found = compare(
        {"A": slow_down("A", 0.1), "B": slow_down("B", 0.2)}, rounds=4, turn_time=0.1
    )
    timed = order[order.index("B") :]
    turns = "".join(a for a, b in zip(timed, [*timed[1:], ""]) if a != b)
    assert "ABABABAB" in turns
    assert len(found.ratios["B"]) == 4
    assert found.ratio("B") == pytest.approx(2, rel=0.05)
    assert found.ratios["A"] == (1,) * 4
    # The absolute times drifted; the ratios hardly did.
    drift = max(found["A"].times) / min(found["A"].times)
    low, high = found.spread("B")
    assert high / low < 1 + (drift - 1) / 2
    assert "A" in str(found)
    assert f"{found.ratio('B'):.2f}" in found._repr_html_()


@pytest.mark.parametrize("names", ["", "A"])
def test_one_competitor_is_no_comparison(names: str) -> None:
    with pytest.raises(ValueError, match="two or more callables"):
        compare(dict.fromkeys(names, torch.relu), torch.ones(1))


@pytest.mark.parametrize("seconds", [(1e-6,), (0.003, 0.004, 0.009), (2.0, 3.0, 4.0)])
def test_the_same_time_as_torchs_own_timer_used_by_hand(
    clock: Clock, seconds: tuple[float, ...]
) -> None:
    """On the fake clock, so that a busy machine changes nothing."""
    long = {"min_run_time": 40 * sum(seconds), "max_run_time": 60 * sum(seconds)}
    ours = measure(clock.call("ours", *seconds), **long)
    by_hand = benchmark.Timer(
        "f()", globals={"f": clock.call("by hand", *seconds)}, timer=clock
    ).blocked_autorange(min_run_time=40 * sum(seconds))
    assert ours.runs_per_time == by_hand.number_per_run
    assert ours.median == pytest.approx(by_hand.median, rel=0.02)
    assert ours.iqr == pytest.approx(by_hand.iqr, rel=0.05, abs=0.02 * ours.median)


def test_a_real_product_is_timed_like_torchs_own_timer() -> None:
    """The whole call and nothing else; wide enough for any machine's load."""
    a = torch.randn(256, 256)
    alike = []
    for _ in range(5):  # one attempt may meet a busy moment
        ours = measure(torch.matmul, a, a, min_run_time=0.02, max_run_time=0.05)
        by_hand = benchmark.Timer(
            "f(a, a)",
            globals={"f": torch.matmul, "a": a},
            num_threads=torch.get_num_threads(),
        ).blocked_autorange(min_run_time=0.02)
        alike.append(1 / 3 < min(ours.times) / min(by_hand.times) < 3)
        if alike[-1]:
            break
    assert any(alike)


def test_what_the_time_depends_on_is_recorded() -> None:
    model = nn.Conv2d(3, 4, 1).to(torch.bfloat16, memory_format=torch.channels_last)
    x = torch.zeros(2, 3, 8, 8, dtype=torch.bfloat16)
    found = measure(model, x.to(memory_format=torch.channels_last), **BRIEF)
    assert (found.label, found.device, found.dtype) == ("Conv2d", "cpu", "bfloat16")
    assert found.layout == "channels_last"
    assert measure(torch.relu, x, **BRIEF).layout == "contiguous"
    assert found.threads == torch.get_num_threads()
    assert found.versions["torch"] == torch.__version__
    assert found.device_name
    for part in ("Conv2d", "cpu", "bfloat16", torch.__version__):
        assert part in str(found)


def test_autocast_is_part_of_the_type() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        found = measure(nn.Linear(4, 4), torch.ones(1, 4), **BRIEF)
    assert found.dtype == "float32, autocast bfloat16"


def test_under_autocast_each_run_casts_the_weights_again() -> None:
    """As in a training loop; autocast alone would keep the first cast for all runs."""
    model, seen = nn.Linear(1, 1, bias=False), []
    nn.init.ones_(model.weight)

    def step(x: Tensor) -> Tensor:
        y = model(x)
        seen.append(y.item())
        with torch.no_grad():
            model.weight.neg_()
        return y

    with torch.autocast("cpu", torch.bfloat16):
        measure(step, torch.ones(1, 1), backward=True, **BRIEF)
    timed = seen[2:]  # the first finds the leaves, the second is still warming up
    assert timed[:4] in ([1, -1, 1, -1], [-1, 1, -1, 1])


def test_float32_on_a_gpu_that_rounds_to_tf32_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu, ones = torch.device("cuda"), [torch.ones(1)]
    for capability, allowed, name in [
        ((8, 0), True, "float32, TF32 convolutions"),
        ((8, 0), False, "float32"),
        ((7, 5), True, "float32"),  # a T4, Colab's: it has no TF32
    ]:
        monkeypatch.setattr(
            torch.cuda, "get_device_capability", lambda device, found=capability: found
        )
        monkeypatch.setattr(
            torch.backends, "cudnn", SimpleNamespace(allow_tf32=allowed)
        )
        assert machine.dtype_of(ones, gpu) == name
    assert machine.dtype_of(ones, torch.device("cpu")) == "float32"


def test_a_call_that_only_allocates_on_a_gpu_ran_there(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """Its arguments and its result lie on the CPU, or it has none."""
    gpu = torch.device("cuda:0")
    counts = iter([{gpu: 7}, {gpu: 9}, {gpu: 9}, {gpu: 9}])
    monkeypatch.setattr(machine, "cuda_allocations", lambda: next(counts))
    monkeypatch.setattr(machine, "device_name", str)
    monkeypatch.setattr(machine, "dtype_of", lambda tensors, device: "float32")
    monkeypatch.setattr(turns, "peak_memory", lambda run, device: (None, "unknown"))
    assert measure(clock.call("hidden", 1.0), **BRIEF).device == "cuda:0"
    assert measure(clock.call("on the CPU", 1.0), **BRIEF).device == "cpu"


def test_the_threads_are_torchs_own_and_stay_so() -> None:
    seen = set()

    def run() -> None:
        seen.add(torch.get_num_threads())

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert measure(run, **BRIEF).threads == 2
        assert seen == {2}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_forward_runs_without_gradients_and_backward_with_them() -> None:
    model, modes = nn.Linear(3, 3), []
    model.register_forward_hook(lambda *args: modes.append(args[2].requires_grad))
    x = torch.ones(2, 3)
    measure(model, x, **BRIEF)
    assert not any(modes)
    modes.clear()
    assert measure(model, x, backward=True, **BRIEF).backward
    assert all(modes)


def test_backward_reaches_hidden_parameters_and_leaves_grad_alone() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1))
    gradients: list[int] = []
    for parameter in model.parameters():
        parameter.register_hook(lambda g: gradients.append(g.numel()))
    x = torch.ones(2, 3, requires_grad=True)
    measure(lambda: {"out": [model(x)]}, backward=True, **BRIEF)
    assert set(gradients) == {15, 5, 1}  # 3 x 5, 5 (twice), 1
    assert x.grad is None
    assert all(parameter.grad is None for parameter in model.parameters())


def test_backward_without_a_gradient_is_refused() -> None:
    with pytest.raises(ValueError, match="requires_grad=True"):
        measure(torch.relu, torch.ones(1), backward=True)


def test_another_device_than_asked_for_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ran on cpu, not on cuda.*\.to\('cuda'\)"):
        measure(torch.relu, torch.ones(1), device="cuda")
    assert measure(torch.relu, torch.ones(1), device="cpu", **BRIEF).device == "cpu"


def test_the_device_is_where_the_tensors_lie() -> None:
    cpu, meta = torch.zeros(1), torch.zeros(1, device="meta")
    assert machine.device_of([]) == torch.device("cpu")
    assert machine.device_of([cpu, cpu]) == torch.device("cpu")
    assert machine.device_of([cpu, meta]) == torch.device("meta")
    elsewhere = SimpleNamespace(device=torch.device("cuda:1"))
    with pytest.raises(ValueError, match="several devices"):
        machine.device_of([meta, elsewhere])  # type: ignore[list-item]


def test_an_accelerators_clock_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []
    monkeypatch.setattr(torch.accelerator, "synchronize", waited.append)
    clock = machine.clock_of(torch.device("mps"))
    first, second = clock(), clock()
    assert waited == [torch.device("mps")] * 2
    assert second >= first


def test_the_cuda_clock_reads_finished_events(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    gpu_time = iter([10.0, 12.5, 40.0])  # ms at which each event is reached

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing
            self.at: float | None = None
            self.done = False

        def record(self, stream: object) -> None:
            log.append("record")
            self.at = next(gpu_time)

        def synchronize(self) -> None:
            log.append("synchronize")
            self.done = self.at is not None

        def elapsed_time(self, end: "Event") -> float:
            assert self.done
            assert end.done
            return end.at - self.at

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: log.append("wait"))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: device)
    clock = machine.clock_of(torch.device("cuda:0"))
    assert clock() == pytest.approx(0.0025)
    assert clock() == pytest.approx(0.030)
    # "wait": for work on other streams, which an event of this one would not see
    assert log == ["wait", "record", "synchronize"] * 3


def test_the_timer_reads_the_devices_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    clock = Clock()

    def clock_of(device: torch.device) -> Clock:
        asked.append(device)
        return clock

    monkeypatch.setattr(machine, "clock_of", clock_of)
    measure(clock.call("f", 1.0), **BRIEF)
    assert set(asked) == {torch.device("cpu")}
    assert clock.readings > 2


def sample() -> Measurement:
    return measure(torch.relu, torch.ones(2, 3), label="ReLU", **BRIEF)


def test_json_round_trip(tmp_path: Path) -> None:
    found, path = sample(), tmp_path / "new" / "relu.json"
    found.save(path)
    assert Measurement.load(path) == found
    assert json.loads(path.read_text())["median"] == found.median
    assert [file.name for file in path.parent.iterdir()] == ["relu.json"]


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    write_json({"kept": 1}, path)
    with pytest.raises(TypeError):
        write_json({"first": 1, "then": object()}, path)
    assert json.loads(path.read_text()) == {"kept": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{}", "lacks label, times"),
        ("[1]", "no measurement: list"),
        ("not JSON", "no whole JSON file"),
        ('{"label": "ReLU"}', "lacks times"),
    ],
)
def test_a_file_without_a_measurement_is_named(
    tmp_path: Path, text: str, fault: str
) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"other\.json.*{fault}"):
        Measurement.load(path)


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("device_name", "", "device_name must be a text, got ''"),
        ("device", None, "device must be a text, got None"),
        ("times", [], "times must be seconds above zero"),
        ("times", "0.5", "times must be seconds above zero"),
        ("times", [0.5, -1.0], "times must be seconds above zero"),
        ("times", [float("nan")], "times must be seconds above zero"),
        ("versions", {}, "versions must name torch's"),
    ],
)
def test_a_field_that_cannot_be_is_named(
    tmp_path: Path, name: str, value: object, fault: str
) -> None:
    write_json({**sample().to_dict(), name: value}, tmp_path / "bad.json")
    with pytest.raises(ValueError, match=rf"bad\.json: {fault}"):
        Measurement.load(tmp_path / "bad.json")


def test_a_file_that_was_cut_off_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    sample().save(path)
    whole = path.read_text()
    for length in (0, 1, len(whole) // 2, len(whole) - 3):
        path.write_text(whole[:length])
        with pytest.raises(ValueError, match=r"cut\.json is no whole JSON file.*again"):
            Measurement.load(path)


def test_the_day_is_kept_and_an_older_file_has_none(tmp_path: Path) -> None:
    found = sample()
    assert date.fromisoformat(found.date) <= date.today()
    assert found.date in found.origin
    assert found.device_name in found.origin
    values = found.to_dict()
    del values["date"]
    assert "date unknown" in Measurement.from_dict(values).origin


def test_a_comparison_comes_back_whole(tmp_path: Path) -> None:
    found = Comparison.of_rounds([[sample(), sample()], [sample(), sample()]])
    found.save(tmp_path / "pair.json")
    assert Comparison.load(tmp_path / "pair.json") == found


def test_a_file_without_a_comparison_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pair.json"
    sample().save(path)
    with pytest.raises(
        ValueError, match=r"pair\.json: .*comparison: it lacks measurements, r"
    ):
        Comparison.load(path)
    values = Comparison.of_rounds([[sample()]]).to_dict()
    write_json({**values, "ratios": {"other": [1]}}, path)
    with pytest.raises(ValueError, match=r"of \['ReLU'\], but ratios of \['other'\]"):
        Comparison.load(path)
    del values["measurements"]["ReLU"]["device_name"]
    write_json(values, path)
    with pytest.raises(ValueError, match=r"pair\.json: .*lacks device_name"):
        Comparison.load(path)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1.00 s"), (0.9999, "1.00 s"), (0.09999, "100 ms"), (3e-12, "0.00 ns")],
)
def test_durations_have_three_digits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_leaves_are_found_once_each() -> None:
    a, b = (torch.ones(1, requires_grad=True) for _ in range(2))
    leaves = turns._leaves([a * b + a, a - b])
    assert {id(leaf) for leaf in leaves} == {id(a), id(b)}
    assert len(leaves) == 2


@pytest.mark.gpu
@pytest.mark.parametrize("backward", [False, True])
def test_the_same_call_measures_a_gpu(backward: bool) -> None:
    model, x = nn.Conv2d(8, 8, 3).cuda(), torch.ones(1, 8, 64, 64, device="cuda")
    found = measure(model, x, backward=backward)
    assert found.device == "cuda:0"
    assert found.device_name == torch.cuda.get_device_name()
    assert found.memory_counter == "CUDA allocator"
    assert found.peak_bytes is not None
    assert found.peak_bytes >= 8 * 62 * 62 * 4  # its output, at least


@pytest.mark.gpu
def test_work_on_another_stream_is_waited_for() -> None:
    a = torch.randn(4096, 4096, device="cuda")
    aside = torch.cuda.Stream()

    def elsewhere() -> None:
        with torch.cuda.stream(aside):
            torch.matmul(a, a)

    hidden = measure(elsewhere)
    assert hidden.device == "cuda:0"  # by what it allocates: it returns nothing
    assert 0.5 < hidden.median / measure(torch.matmul, a, a).median < 2


@pytest.mark.gpu
def test_a_gpu_agrees_with_torchs_own_timer() -> None:
    model, x = nn.Conv2d(64, 64, 3).cuda(), torch.ones(8, 64, 128, 128, device="cuda")
    with torch.no_grad():
        by_hand = benchmark.Timer(
            "f(x)", globals={"f": model, "x": x}
        ).blocked_autorange(min_run_time=0.5)
    assert 0.7 < measure(model, x).median / by_hand.median < 1.4


def test_the_clock_is_one_processs_alone_where_a_file_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "clock"
    file.touch()

    def is_locked(*_: object) -> bool:
        with file.open("a") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    during: list[bool] = []

    def call() -> Tensor:
        during.append(is_locked())
        return torch.zeros(1)

    measure(call, **BRIEF)
    assert not any(during)
    during.clear()
    monkeypatch.setenv("SIMSEG_CLOCK", str(file))
    measure(call, **BRIEF)
    assert during[-1]
    assert not is_locked()
