"""An answer that is made of blocks that are there already is told from one's own."""

import pytest
from teach.grading.own_work import taken

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
    "a magic": ("%matplotlib inline\n!ls", "mine = 1"),
}


@pytest.mark.parametrize("case", TAKEN)
def test_taken(case: str) -> None:
    before, answer = TAKEN[case]
    why = taken([("", before), ("mine", answer)], "mine")
    assert why is not None
    assert why.endswith("and has to be your own")


@pytest.mark.parametrize("case", OWN)
def test_own(case: str) -> None:
    before, answer = OWN[case]
    assert taken([("", before), ("mine", answer)], "mine") is None


@pytest.mark.parametrize(
    "code",
    [
        "from torch.nn.functional import cross_entropy as f\nmine = f",
        "import torch.nn.functional as F\nmine = lambda x: F.cross_entropy(x, x)",
    ],
)
def test_what_is_to_be_written_by_hand(code: str) -> None:
    why = taken([("mine", code)], "mine", forbid=["cross_entropy"])
    assert why == "uses `cross_entropy`, which is to be written by hand here"
    assert taken([("mine", code)], "mine") is None


def test_a_function_of_ones_own_may_have_that_name() -> None:
    code = "def cross_entropy(x): return x\nmine = cross_entropy"
    assert taken([("mine", code)], "mine", forbid=["cross_entropy"]) is None
