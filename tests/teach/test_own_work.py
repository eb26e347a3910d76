"""An answer that is made of blocks that are there already is told from one's own."""

from typing import Any

import nbformat
import nbformat.v4 as v4
import pytest
from teach.grading.examine import _Examination
from teach.grading.handed_in import read_notebook
from teach.grading.own_work import taken
from teach.grading.sandbox.process import Limits

from tests.teach import toy

TAKEN = {
    "an import": ("", "from simseg_core.models import UNetPadded as Mine"),
    "a base": ("from simseg_core.models import UNetPadded as U", "class Mine(U): ..."),
    "a part": (
        "import simseg_core.models as m",
        "class Mine:\n    def __init__(self):\n        self.net = m.UNetPadded()",
    ),
    "the package": ("import simseg_core as s", "mine = lambda: s.create_model('unet')"),
    "a made network": (
        "from simseg_core import create_model\nnet = create_model('unet')",
        "def mine(x):\n    return net(x)",
    ),
    "a helper": (
        "def help():\n    import simseg_core as s\n    return s.create_model('unet')",
        "class Mine:\n    def forward(self, x):\n        return help()(x)",
    ),
    "a helper's helper": (
        "from simseg_core.models import *\ndef one(): return UNetPadded()\n"
        "def two(): return one()",
        "mine = two",
    ),
    "a name as text": (
        "import importlib\nm = importlib.import_module('simseg_core.models.unet')",
        "class Mine(m.UNet): ...",
    ),
    "another's": ("import torchvision", "mine = torchvision.models.resnet18()"),
    "a timed cell": ("", "%%time\nimport timm\nmine = timm.create_model"),
    "code in a text": ("", "exec('import timm; mine = timm.create_model')"),
    "a text by another cell": ("exec('import timm as t')", "mine = t.create_model"),
    "a change of it": (
        "import timm\nmine.forward = timm.create_model('vgg').forward",
        "mine = object()",
    ),
    "a change by name": (
        "import timm\nsetattr(mine, 'forward', timm.create_model)",
        "mine = object()",
    ),
    "another meaning, elsewhere": (
        "import timm\nmine = timm.create_model",
        "def mine(x): return x",
    ),
    "a check": ("from simseg_core.exercises import check", "mine = check"),
}
OWN = {
    "nothing": ("", "def mine(x): return x"),
    "a comparison elsewhere": (
        "from simseg_core.models import UNetPadded\nprint(UNetPadded())",
        "def mine(x): return x",
    ),
    "an argument of that name": (
        "from simseg_core import create_model\nmodel = create_model('unet')",
        "def mine(model): return model(1)",
    ),
    "a word in a docstring": ("", "def mine():\n    'Not simseg_core.models.'"),
    "its neighbour in an import": ("import torch, timm", "mine = torch.ones(1)"),
    "data": ("from simseg_core.data import Street", "mine = Street('train')"),
    "what does not parse": ("", "def mine("),
    "words that are printed": ("", "print('timm.models() is not used')\nmine = 1"),
    "a title": ("", "plt.title('Loss (mine, not timm)')\nmine = 1"),
    "all of a module that is not there": ("from simseg_core.nope import *", "mine = 1"),
    "what Python refuses": ("nonlocal x\ndef f(x):\n    global x", "mine = 1"),
    "a timed cell of one's own": ("", "%%time\ndef mine(x): return x"),
    "a magic": ("%matplotlib inline\n!ls", "mine = 1"),
}


@pytest.mark.parametrize("case", TAKEN)
def test_taken(case: str) -> None:
    before, answer = TAKEN[case]
    why = taken([("", before), ("mine", answer)], "mine", names=["mine"])
    assert why is not None
    assert why.endswith("and has to be your own")


@pytest.mark.parametrize("case", OWN)
def test_own(case: str) -> None:
    before, answer = OWN[case]
    assert taken([("", before), ("mine", answer)], "mine", names=["mine"]) is None


def test_a_long_chain_is_followed_at_once() -> None:
    chain = "\n".join(f"x{i} = x{i + 1}" for i in range(2000))
    cells = [("mine", "mine = x0"), ("", f"{chain}\nimport timm as x2000")]
    assert taken(cells, "mine") == "uses timm, and has to be your own"


def test_what_is_nested_too_deeply_to_be_read_is_refused() -> None:
    for deep in ("+".join(["1"] * 5000), "(" * 150 + "1" + ")" * 150, "-" * 9000 + "1"):
        why = taken([("mine", f"mine = {deep}")], "mine")
        assert why is None or why.endswith("nested too deeply to be read")
    assert why is not None


@pytest.mark.parametrize(
    "code",
    [
        "from torch.nn.functional import cross_entropy as f\nmine = f",
        "import torch.nn.functional as F\nmine = lambda x: F.cross_entropy(x, x)",
        "import torch.nn.functional as F\nmine = getattr(F, 'cross_entropy')",
        "from torch.nn.functional import *\nmine = cross_entropy",
        "%%time\nimport torch.nn.functional as F\nmine = F.cross_entropy",
    ],
)
def test_what_is_to_be_written_by_hand(code: str) -> None:
    why = taken([("mine", code)], "mine", forbid=["cross_entropy"])
    assert why == "uses `cross_entropy`, which is to be written by hand here"
    assert taken([("mine", code)], "mine") is None


@pytest.mark.parametrize(
    "module", ["simseg_core.__main__", "timm_of_mine", "antigravity"]
)
def test_a_module_is_not_imported_because_a_student_names_it(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    imported: list[str] = []
    monkeypatch.setattr("teach.grading.own_work.import_module", imported.append)
    taken([("mine", f"from {module} import *\nmine = 1")], "mine")
    assert imported == []


def test_a_function_of_ones_own_may_have_that_name() -> None:
    code = "def cross_entropy(x): return x\nmine = cross_entropy"
    assert taken([("mine", code)], "mine", forbid=["cross_entropy"]) is None


def handed_in(*cells: Any, **changed: str) -> _Examination:
    """Sort a notebook of the toy's, to which cells were added, and run nothing."""
    notebook = nbformat.reads(toy.handed_in(1, changed).decode(), as_version=4)
    notebook.cells += cells
    text = nbformat.writes(notebook).encode()
    return _Examination(toy.source(), read_notebook(toy.source(), text), 1, Limits())


def test_an_answer_in_a_cell_of_its_own_is_one() -> None:
    stub = toy.source().question("double").stub
    other = v4.new_code_cell("double = lambda x: x + x")
    assert handed_in(other, double=stub).answer["double"] == other.source
    assert handed_in(v4.new_code_cell("x = 1"), double=stub).answer["double"] == stub
    taken_from = v4.new_code_cell("from timm import models as double")
    why = handed_in(taken_from, double="def double(x): return x").why_taken["double"]
    assert why == "uses timm.models, and has to be your own"


def test_words_in_a_cell_of_their_own_are_read() -> None:
    stub = toy.source().question("why").stub
    words = v4.new_markdown_cell("Because.")
    assert handed_in(words, why=stub).answer["why"] == f"{stub}\n\nBecause."


def test_lines_that_end_as_on_windows_change_nothing() -> None:
    text = toy.handed_in(1, {}).replace(b"\\n", b"\\r\\n")
    assert read_notebook(toy.source(), text).notes == []


def test_answers_without_end_are_not_read() -> None:
    with pytest.raises(ValueError, match="over 1,000,000 letters"):
        handed_in(v4.new_code_cell("x = 1\n" * 200_000))
