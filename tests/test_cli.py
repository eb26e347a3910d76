"""The terminal's door: what it prints is what the probes say, mistakes are one line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.image import imread

from simseg_core import create_model, list_models
from simseg_core.cli import main
from simseg_core.probes import cost, receptive_field, trace_shapes

OWN = """\
import torch
from torch import nn

print("loading")


def build(width=4, *, channels=3):
    print("building")
    return nn.Sequential(nn.Conv2d(channels, width, 3), nn.ReLU())


class Gray(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2))


class Spectrum(nn.Module):
    def forward(self, x):
        return torch.fft.fft2(x).real


class Faulty(nn.Module):
    def forward(self, x):
        return x + self.missing


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Conv1d(3, 4, 3))

    def forward(self, x):
        return self.inner(x)


class Choice(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda y: y + 1, lambda y: y * 2, (x,))


class Unready(nn.Module):
    def forward(self, x):
        return torch.nested.as_nested_tensor([x, x]).to_padded_tensor(0.0)


class Blocks:
    net = build()


def needs(width):
    return build(width)


def broken():
    return 1 / 0


def number():
    return 7
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a network of one's own, and the place one works in."""
    (tmp_path / "ownnet.py").write_text(OWN)
    (tmp_path / "lame.py").write_text("import nowhere_to_be_found\n")
    (tmp_path / "quits.py").write_text("import sys\nsys.exit('bye')\n")
    (tmp_path / "unread.py").write_text("def build(:\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("ownnet", "lame", "quits", "unread"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def python(*words: str, **settings: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, **settings
    )  # type: ignore[call-overload]


# --- what it prints ---------------------------------------------------------------

TINY = ["--preset", "tiny", "--num-classes", "2"]


def test_list_prints_the_names_and_nothing_else(capsys) -> None:
    assert main(["list"]) == 0
    assert capsys.readouterr().out.split() == list_models()
    assert main(["list", "--task", "classification", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == list_models("classification")


@pytest.mark.parametrize("command", ["trace", "cost"])
def test_what_the_macs_leave_out_is_named(command: str, folder: Path, capsys) -> None:
    words = [command, "ownnet:Spectrum", "--input", "3x8x8"]
    assert main(words) == 0
    assert "Not counted in the MACs, having no formula: fft_fft2" in (
        capsys.readouterr().out
    )
    assert main([*words, "--json"]) == 0
    out = capsys.readouterr().out.split("loading\n")[-1]
    assert json.loads(out)["not_counted"] == {"fft_fft2": 1}


@pytest.mark.parametrize(
    ("command", "probe"),
    [
        (["trace", "--depth", "1"], lambda *a: trace_shapes(*a, depth=1)),
        (["cost"], cost),
        (["cost", "--depth", "3"], lambda *a: cost(*a, depth=3)),
        (["receptive-field"], receptive_field),
    ],
)
def test_text_and_json_are_the_probes_own(
    command: list[str], probe: Callable, capsys
) -> None:
    model = create_model("unet_padded", preset="tiny", in_channels=1, num_classes=2)
    found = probe(model, (1, 1, 32, 48))
    words = [*command, "unet_padded", *TINY, "--input", "1x32x48"]
    assert main(words) == 0
    assert capsys.readouterr().out == f"{found}\n"
    assert main([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == json.loads(json.dumps(found.to_dict()))
    assert err == ""


@pytest.mark.parametrize(
    ("name", "size", "classes"),
    [
        ("unet", [1, 1, 572, 572], 2),
        ("unet_padded", [1, 3, 512, 512], 21),
        ("fchardnet70", [1, 3, 1024, 2048], 19),
        ("resnet18", [1, 3, 224, 224], 1000),
    ],
)
def test_without_input_a_network_gets_its_usual_one(
    name: str, size: list[int], classes: int, capsys
) -> None:
    assert main(["trace", name, "--depth", "1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert rows[0]["output_shapes"] == [size]
    assert rows[-1]["output_shapes"][0][1] == classes


def test_the_help_tells_every_default_size() -> None:
    told = python("-m", "simseg_core", "cost", "--help").stdout
    for size in ("1x1x572x572", "1x3x1024x2048", "1x3x512x512", "1x3x224x224"):
        assert size in told


def test_options_reach_the_network(capsys) -> None:
    words = ["receptive-field", "deeplabv3_resnet50", *TINY, "--input", "3x65x65"]
    assert main([*words, "--option", "output_stride=8", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    sizes = {tuple(layer["shape"][2:]) for layer in found["layers"]}
    assert (9, 9) in sizes  # 65 at stride 8, and nowhere a half of it
    assert (5, 5) not in sizes
    words = ["trace", "unet_padded", "--input", "3x16x16", "--num-classes", "2"]
    assert main([*words, "--option", "widths=(2,3,4,5,6)", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][1]["output_shapes"][0][1] == 2


def test_a_batch_counts_with_all_its_images(capsys) -> None:
    found = []
    for size in ("3x32x32", "4x3x32x32"):
        assert main(["cost", "unet_padded", *TINY, "--input", size, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["macs"])
    assert found[1] == 4 * found[0] > 0


def test_a_pixel_tells_what_it_reads(capsys) -> None:
    words = ["receptive-field", "unet", *TINY, "--input", "1x188x188"]
    assert main([*words, "--pixel", "0,1", "--depth", "1"]) == 0
    # A U-Net's field is 188 or 204 pixels, by the pixel's phase, within 188.
    assert "Output pixel (0, 1) reads rows 0 to 187 and columns 0 to 187." in (
        capsys.readouterr().out
    )
    assert main([*words, "--pixel=-1,-1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["pixel"]
    assert found == {"index": [-1, -1], "box": [[0, 187], [0, 187]]}


# --- a network of one's own -------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "first"),
    [
        ("ownnet:build", [], [1, 3, 224, 224]),
        ("ownnet:build", ["--option", "channels=2"], [1, 2, 224, 224]),
        ("ownnet:Gray", [], [1, 1, 224, 224]),
        ("ownnet:Blocks.net", ["--input", "3x8x9"], [1, 3, 8, 9]),
    ],
)
def test_anything_importable_that_gives_a_module(
    name: str, options: list[str], first: list[int], folder: Path, capsys
) -> None:
    assert main(["trace", name, *options, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["rows"][0]["output_shapes"] == [first]
    assert "loading" in err  # what the file prints is not in the way


def test_a_network_of_torchvision(capsys) -> None:
    words = ["trace", "torchvision.models:resnet18", "--option", "num_classes=10"]
    assert main([*words, "--depth", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][-1]["output_shapes"] == [[1, 10]]


def test_the_current_folder_is_searched_in_a_terminal(folder: Path) -> None:
    done = python("-m", "simseg_core", "cost", "ownnet:build", "--json", cwd=folder)
    assert json.loads(done.stdout)["parameters"] == 3 * 4 * 9 + 4
    assert done.returncode == 0


# --- timing -----------------------------------------------------------------------


def test_measure_tells_what_ran_where(folder: Path, capsys) -> None:
    words = ["measure", "ownnet:build", "--input", "2x3x8x8", "--seconds", "0.05"]
    assert main([*words, "--json", "--dtype", "float64", "--backward"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["label"] == "ownnet:build"
    assert found["device"] == "cpu"
    assert found["dtype"] == "float64"
    assert found["backward"] is True
    assert found["median"] > 0
    assert main(words) == 0
    out = capsys.readouterr().out
    assert out.startswith("ownnet:build: ")
    assert "forward" in out
    assert "backward" not in out


def test_two_networks_are_timed_in_turn_on_one_image(folder: Path, capsys) -> None:
    words = ["measure", "unet", *TINY, "--input", "1x188x188", "--seconds", "0.2"]
    assert main([*words, "--compare", "ownnet:Gray", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["measurements"]) == ["unet", "ownnet:Gray"]
    assert found["ratios"]["unet"] == [1] * 5
    assert main([*words, "--compare", "unet"]) == 0
    assert "unet again" in capsys.readouterr().out


@pytest.mark.gpu
def test_measure_on_a_gpu_names_it(folder: Path, capsys) -> None:
    words = ["measure", "ownnet:build", "--input", "3x64x64", "--seconds", "0.2"]
    assert main([*words, "--device", "cuda", "--dtype", "float16", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["device"] == "cuda:0"
    assert found["dtype"] == "float16"


# --- figures ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["trace"], "Data flow of"),
        (["cost"], "Percent of each by stage"),
        (["receptive-field"], "staircase"),
        (["receptive-field", "--pixel", "2,3"], "Output pixel (2, 3)"),
        (["measure", "--seconds", "0.05"], "ownnet:build"),
    ],
)
def test_a_figure_is_saved_whole_and_says_what_it_shows(
    words: list[str], told: str, folder: Path, capsys
) -> None:
    (folder / "out").mkdir()
    command = [words[0], "ownnet:build", *words[1:], "--input", "3x32x32"]
    for name in ("net.svg", "net.png", "net.svg"):  # a figure there is replaced
        assert main([*command, "--save", f"out/{name}"]) == 0
    assert told in (folder / "out/net.svg").read_text()
    pixels = imread(folder / "out/net.png")
    assert pixels[..., :3].min() < 0.5 < pixels[..., :3].max()
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "net.png",
        "net.svg",
    ]


def test_a_figure_that_fails_leaves_the_old_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    old = folder / "net.svg"
    old.write_text("old")

    def full(path: Path, data: bytes) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert main(["trace", "ownnet:build", "--save", "net.svg"]) == 2
    assert "net.svg cannot be written: No space" in capsys.readouterr().err
    assert old.read_text() == "old"
    assert not list(folder.glob(".net*"))


# --- mistakes ---------------------------------------------------------------------


def line_of(text: str) -> int:
    return next(n for n, line in enumerate(OWN.splitlines(), 1) if text in line)


MISTAKES = {
    "": "COMMAND",
    "trase unet": "no command 'trase': did you mean 'trace'?",
    "trace": "MODEL",
    "trace unett": "unknown model 'unett': did you mean 'unet'?",
    "trace nonsense": "there is unet, ",
    "trace unet --depht 2": "--depht",
    "trace unet --depth 0": "'0' is no whole number of at least 1",
    "trace unet --input 512": "write channels x rows x columns, as 3x512x512",
    "trace unet --input 3x0x8": "'3x0x8' is no image's size",
    "trace unet --input 3xx8": "no image's size",
    "trace unet --input 1x200x190": "nearest that does is 204x188",
    "trace unet_padded --preset tiny --input 3x4x4": "3x4x4: ",
    "trace unet_padded --preset big": "--preset",
    "trace unet --input 3x64x64 --in-channels 1": "leave --in-channels out",
    "trace unet --option width=3": "did you mean 'widths'?",
    "trace unet --option widths": "write key=value",
    "trace unet --option num_classes=3": "write --num-classes 3",
    "trace resnet18 --option depth=50": "resnet18 fixes depth=18",
    "trace nets/own.py:build": "write nets.own:build",
    "trace ownnet.py": "write ownnet:NAME",
    "trace ownnet.py:build": "'ownnet.py:build' is a path: write ownnet:build",
    "trace torchvision.models.resnet18": "did you mean 'torchvision.models:resnet18'?",
    "trace no_such_module:build": "no module 'no_such_module': run in the folder",
    "trace torchvision.nothing:x": "no module 'torchvision.nothing'",
    "trace lame:build": "No module named 'nowhere_to_be_found' (lame.py, line 1)",
    "trace quits:build": "importing quits failed: SystemExit: bye (quits.py, line 2)",
    "trace unread:build": "importing unread failed: SyntaxError",
    "trace ownnet:bild": "ownnet has no 'bild': did you mean 'build'?",
    "trace ownnet:Blocks.nett": "ownnet:Blocks has no 'nett': did you mean 'net'?",
    "trace ownnet:needs": "missing a required argument: 'width'; pass arguments by",
    "trace ownnet:build --option wide=3": "unexpected keyword argument 'wide'",
    "trace ownnet:broken": f"division by zero (ownnet.py, line {line_of('1 / 0')})",
    "trace ownnet:number": "gives an int, not an nn.Module",
    "trace ownnet:Blocks.net --option width=3": "leave --option out",
    "trace ownnet:build --preset tiny": "--preset is for networks of the book",
    "trace ownnet:build --input 1x8x8": "takes 3 channels: --input 3x8x8",
    "trace ownnet:Faulty": f"'missing' (ownnet.py, line {line_of('missing')})",
    "trace ownnet:build --input 3x2x2": "3x2x2: RuntimeError: ",
    "trace ownnet:build --input 3x2x1": "in layer '0' (Conv2d), which was given 1×3×2",
    "cost ownnet:Line --input 3x9x9": "'inner.0' (Conv1d), which was given 1×3×9×9",
    "receptive-field ownnet:Choice": "cond in the network's own forward: it runs",
    "receptive-field ownnet:Unready": "_nested_tensor_from_tensor_list in",
    "receptive-field ownnet:Spectrum": "aten::_fft_",
    "receptive-field ownnet:build --pixel 9,7 --input 3x10x9": "has 8 x 7 of them",
    "receptive-field ownnet:build --pixel 9": "write row,column of the output",
    "receptive-field resnet18 --preset tiny --pixel 0,0": "none: it is global",
    "cost unet --save net.gif": "end its name with .svg or .png or .pdf",
    "cost unet --save missing/net.svg": "no folder 'missing': make it first",
    "cost unet --save folder.svg": "is a folder",
    "measure unet --seconds 0": "give seconds above 0",
    "measure unet --preset tiny --device gpu": "--device may be cpu",
    "measure unet --preset tiny --device meta": "nothing runs",
    "measure unet --dtype float8": "--dtype",
    "measure unet_padded --preset tiny --compare unnet": "did you mean 'unet'?",
    "measure ownnet:Spectrum --backward --seconds 0.1": "has no gradient",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_line_with_its_remedy(
    words: str, folder: Path, capsys
) -> None:
    (folder / "folder.svg").mkdir()
    assert main(words.split()) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line not in ("loading", "building")]
    assert out == ""
    assert len(lines) == 1, err
    assert lines[0].startswith("simseg: ")
    assert MISTAKES[words] in lines[0]


def test_a_bug_can_be_looked_into(folder: Path, capsys) -> None:
    assert main(["trace", "ownnet:broken", "--traceback"]) == 2
    err = capsys.readouterr().err
    assert "return 1 / 0" in err
    assert err.splitlines()[-1].startswith("simseg: building ownnet:broken failed")


# --- as a program -----------------------------------------------------------------


def test_help_and_typing_errors_do_not_wait_for_torch() -> None:
    code = "import sys; from simseg_core.cli import main; main({!r}); "
    code += "sys.exit('torch' in sys.modules)"
    for words in (["list"], ["trace", "unett"], ["cost", "unet", "--input", "1"]):
        assert python("-c", code.format(words)).returncode == 0
    help_text = python("-m", "simseg_core", "--help")
    assert help_text.returncode == 0
    assert "python -m simseg_core trace unet --depth 1" in help_text.stdout


def test_every_example_of_the_help_is_understood() -> None:
    from simseg_core.cli.arguments import make_parser

    parser = make_parser("python -m simseg_core")
    lines = [
        line.split()[3:]
        for line in parser.format_help().splitlines()
        if line.startswith("  python -m simseg_core ")
    ]
    assert len(lines) > 10
    for words in lines:
        assert parser.parse_args(words).command == words[0]


def test_a_closed_pipe_is_quiet() -> None:
    code = (
        "import os, sys; from simseg_core.cli import main; r, w = os.pipe(); "
        "os.close(r); os.dup2(w, 1); sys.exit(main(['list']))"
    )
    done = python("-c", code)
    assert done.stderr == ""
    assert done.returncode == 141


def interruptible() -> None:
    """Take Ctrl-C, whoever started the tests: a shell's background does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interruption_leaves_no_trace(folder: Path) -> None:
    (folder / "slow.py").write_text(
        "import time\nprint('ready', flush=True)\ntime.sleep(60)\n"
    )
    words = [sys.executable, "-u", "-m", "simseg_core", "trace", "slow:build"]
    with subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, preexec_fn=interruptible
    ) as running:
        assert running.stderr
        assert running.stderr.readline() == "ready\n"  # it imports, with torch loaded
        time.sleep(0.05)
        os.kill(running.pid, signal.SIGINT)
        rest = running.stderr.read()
    assert rest.strip() == ""
    assert running.returncode == 130


def test_the_console_script_is_the_same_door(root: Path) -> None:
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"simseg": "simseg_core.cli:main"}
