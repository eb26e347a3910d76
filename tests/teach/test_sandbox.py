"""What a student's code can reach and use, and that it is what it is here."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch
from teach.grading.sandbox.process import Ended, Limits, Sandbox, bubblewrap, protection
from teach.grading.sandbox.remote import InPlace, NotDefined, fetch
from teach.grading.sandbox.wire import Malformed, pack, unpack
from torch import Tensor, nn

from simseg_core.exercises.bench.modules import fill

CODE = """\
import torch
from torch import nn

def scaled(x, by=2):
    return by * x

def several(x):
    return {"twice": 2 * x, "rest": (x.tolist(), "text", None, float("nan"), iter([1]))}

def in_place(x):
    return x.mul_(2)

def in_list(items):
    items.append(1)
    return items

def odd():
    return object()

class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.linear = nn.Linear(channels, channels)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x):
        return self.norm(self.linear(x))

class Hides(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(2, 2)]
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits()) as made:
        assert made.ask("run", "the cell", code=CODE, name="cell") == {}
        yield made


def raised(sandbox: Sandbox, code: str) -> str:
    """Run code; give the kind of what it raises, or an empty text."""
    reply = sandbox.ask("run", "the cell", code=code, name="cell")
    return str(reply.get("raised", {}).get("kind", ""))


def test_values_come_back_as_they_are(sandbox: Sandbox) -> None:
    x = torch.tensor([1.0, 2.0])
    got = fetch(sandbox, "several")(x)
    assert torch.equal(got["twice"], 2 * x)
    numbers, text, nothing, nan, iterator = got["rest"]
    assert (numbers, text, nothing, list(iterator)) == ([1.0, 2.0], "text", None, [1])
    assert nan != nan
    assert fetch(sandbox, "scaled")(3, by=4) == 12
    assert type(fetch(sandbox, "odd")()).__name__ == "object"


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.bfloat16, torch.int64, torch.bool]
)
def test_tensors_keep_their_type(sandbox: Sandbox, dtype: torch.dtype) -> None:
    x = torch.ones(2, 3).to(dtype)
    got = fetch(sandbox, "several")(x)["twice"]
    assert got.dtype == (2 * x).dtype
    assert torch.equal(got, 2 * x)


def test_gradients_flow_through_a_function(sandbox: Sandbox) -> None:
    x = torch.randn(4, requires_grad=True)
    (3 * fetch(sandbox, "scaled")(x)).sum().backward()
    assert torch.equal(x.grad, torch.full((4,), 6.0))
    with torch.no_grad():
        assert not fetch(sandbox, "scaled")(x).requires_grad


def test_a_module_is_as_the_same_one_here(sandbox: Sandbox) -> None:
    there = fill(fetch(sandbox, "Block")(5)).double().train()
    here = nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1d(5)).double().train()
    values = [tensor.clone() for tensor in there.state_dict().values()]
    here.load_state_dict(dict(zip(here.state_dict(), values)))
    x = torch.randn(7, 5, dtype=torch.float64)
    found: list[list[Tensor]] = []
    for module in (there, here):
        given = x.clone().requires_grad_()
        module(given).square().sum().backward()
        assert given.grad is not None
        grads = [p.grad for p in module.parameters() if p.grad is not None]
        found.append([given.grad, *grads, *module.buffers()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_layers_that_torch_does_not_see_are_not_seen_here(sandbox: Sandbox) -> None:
    module = fetch(sandbox, "Hides")()
    assert list(module.parameters()) == []
    assert [type(part) for part in module.layers] == [nn.Identity]


@pytest.mark.parametrize(
    ("name", "given"), [("in_place", torch.ones(2)), ("in_list", [0])]
)
def test_an_input_that_is_changed_is_told(
    sandbox: Sandbox, name: str, given: object
) -> None:
    with pytest.raises(InPlace, match="changes its input in place"):
        fetch(sandbox, name)(given)


def test_what_is_not_defined_is_told(sandbox: Sandbox) -> None:
    with pytest.raises(NotDefined, match=r"`other`.*was it renamed"):
        fetch(sandbox, "other")


def test_a_default_that_a_student_sets_is_not_the_tests(sandbox: Sandbox) -> None:
    assert raised(sandbox, "torch.set_default_dtype(torch.float64)") == ""
    assert {p.dtype for p in fetch(sandbox, "Block")(2).parameters()} == {torch.float32}


def test_errors_keep_their_class_and_say_the_students_line(sandbox: Sandbox) -> None:
    with pytest.raises(TypeError) as told:
        fetch(sandbox, "scaled")(None)
    assert told.value.line == " (line 5 of scaled: `return by * x`)"  # type: ignore


def test_the_packages_networks_are_not_there(sandbox: Sandbox) -> None:
    for code in (
        "import simseg_core.models.unet",
        "import simseg_core.exercises",
        "import simseg_core; simseg_core.create_model('unet')",
    ):
        assert raised(sandbox, code) == "ModuleNotFoundError"
    assert raised(sandbox, "import simseg_core.data, simseg_core.training") == ""


def test_no_network_no_files_no_other_process(sandbox: Sandbox, root: Path) -> None:
    """Where bubblewrap is; elsewhere it is said that nothing is protected."""
    if bubblewrap() is None:
        assert protection().startswith("NOT PROTECTED")
        return
    network = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    assert raised(sandbox, network) == "OSError"
    read = f"open({str(root / 'pyproject.toml')!r})"
    assert raised(sandbox, read) == "FileNotFoundError"
    source = root / "simseg_core/models/unet.py"
    assert raised(sandbox, f"open({str(source)!r})") == "FileNotFoundError"
    write = f"open({str(root / 'simseg_core/new.py')!r}, 'w')"
    assert raised(sandbox, write) == "OSError"
    others = "import psutil; assert len(psutil.pids()) <= 3, psutil.pids()"
    assert raised(sandbox, others) == ""
    variables = "import os; assert 'ASSIGNMENTS' not in os.environ"
    assert raised(sandbox, variables) == ""
    for place in ("/new", str(root / "simseg_core/models/new")):
        assert raised(sandbox, f"open({place!r}, 'w')") == "OSError"
    # Root's rights would lift the walls: a class is often graded in a container.
    rights = "assert 'CapEff:\\t0000000000000000' in open('/proc/self/status').read()"
    assert raised(sandbox, rights) == ""


def test_bubblewrap_that_may_do_nothing_is_no_protection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refused = tmp_path / "bwrap"
    refused.write_text("#!/bin/sh\nexit 1\n")
    refused.chmod(0o755)
    bubblewrap.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: str(refused))
    try:
        assert bubblewrap() is None
        assert "does not let it make namespaces" in protection()
    finally:
        bubblewrap.cache_clear()


def test_all_that_it_started_ends_with_it() -> None:
    code = "import subprocess\n"
    code += "subprocess.Popen(['sleep', '4242'], start_new_session=True)"
    with Sandbox(Limits()) as sandbox:
        assert raised(sandbox, code) == ""
        assert _sleepers()
    until = time.monotonic() + 10
    while _sleepers() and time.monotonic() < until:
        time.sleep(0.05)
    assert not _sleepers()


def _sleepers() -> list[int]:
    found = psutil.process_iter(["cmdline"])
    return [p.pid for p in found if (p.info["cmdline"] or [])[-2:] == ["sleep", "4242"]]


def test_time_for_the_whole_notebook_is_not_begun_anew() -> None:
    with Sandbox(Limits(total=5.0), used=4.0) as sandbox:
        with pytest.raises(Ended, match="computed for 5 s in all") as told:
            raised(sandbox, "while True: pass")
        assert told.value.for_good
        assert sandbox.seconds > 5.0


def test_bytes_that_are_no_message_are_refused() -> None:
    whole = pack({"x": torch.ones(3)})
    assert torch.equal(unpack(whole)["x"], torch.ones(3))
    for broken in (b"", whole[:20], whole[:-1], whole.replace(b"tensor", b"tenser")):
        with pytest.raises(Malformed):
            unpack(broken)


@pytest.mark.parametrize(
    "value", ["x" * 2**24, dict.fromkeys(range(10_001))], ids=["text", "keys"]
)
def test_what_would_fill_the_memory_outside_is_refused(value: object) -> None:
    with pytest.raises(Malformed, match="Malformed: "):
        unpack(pack({"x": value}))


def test_what_is_too_large_is_refused_where_it_is() -> None:
    with pytest.raises(Malformed, match="too large"):
        pack({"x": torch.empty(1).expand(10**9)})
