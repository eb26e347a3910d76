"""`trace_shapes` against torchinfo, on networks not ours, and on hand counts."""

import re
from collections import Counter
from html.parser import HTMLParser
from typing import NamedTuple

import pytest
import timm
import torch
import torch.nn.functional as F
import torchinfo
import torchvision
from torch import Tensor, nn

from simseg_core.probes import trace_shapes
from simseg_core.probes.trace.shapes import Trace


class TinyUNet(nn.Module):
    """Two levels, a crop, a concatenation."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 4, 3)
        self.deep = nn.Conv2d(4, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        skip = self.down(x).relu()
        up = self.up(self.deep(F.max_pool2d(skip, 2)))
        return self.last(torch.cat([skip[..., 1:-1, 1:-1], up[..., 1:-1, 1:-1]], 1))


def operations(trace):
    return [row.operation for row in trace]


def sources(trace, target):
    return [edge.source for edge in trace.edges if edge.target == target]


def row_named(trace, operation):
    return next(i for i, row in enumerate(trace) if row.operation == operation)


@pytest.mark.parametrize(
    ("build", "size"),
    [
        (lambda: torchvision.models.resnet18(), (2, 3, 64, 96)),
        (
            lambda: torchvision.models.segmentation.deeplabv3_resnet50(
                weights=None, weights_backbone=None, aux_loss=True
            ),
            (1, 3, 65, 65),
        ),
        (lambda: timm.create_model("vit_tiny_patch16_224"), (1, 3, 224, 224)),
        (lambda: timm.create_model("efficientnet_b0"), (1, 3, 64, 64)),
        (lambda: timm.create_model("convnext_atto"), (1, 3, 64, 64)),
    ],
    ids=["resnet18", "deeplabv3", "vit", "efficientnet", "convnext"],
)
def test_modules_and_parameters_agree_with_torchinfo(build, size):
    model = build().eval()
    trace = trace_shapes(model, size)
    info = torchinfo.summary(model, size, depth=30, verbose=0, device="cpu")
    builtin = {  # nothing runs in Identity
        type(module).__name__
        for module in model.modules()
        if type(module) is getattr(nn, type(module).__name__, None)
    } - {"Identity", "Sequential", "ModuleList"}
    theirs = Counter(
        (layer.class_name, tuple(layer.output_size))
        for layer in info.summary_list
        if layer.is_leaf_layer and layer.class_name in builtin
    )
    ours = Counter(
        (row.operation, row.output_shape) for row in trace if row.operation in builtin
    )
    assert ours == theirs
    assert trace.parameters == info.total_params
    assert trace.unused_parameters == 0
    assert trace.parameters == sum(row.parameters for row in trace)


def test_functional_operations_appear_with_their_shapes():
    def everything(x):
        y = F.interpolate(x, scale_factor=2, mode="bilinear")
        y = torch.cat([y, y], dim=1) + 1
        y = F.pad(y[:, :, 2:-2], (1, 1, 0, 0))
        y = F.avg_pool2d(y, 2).flatten(2)
        scores = (y @ y.transpose(1, 2)).softmax(-1)
        return F.scaled_dot_product_attention(scores, scores, y)

    trace = trace_shapes(everything, (1, 3, 8, 8))
    assert [(row.operation, row.output_shape) for row in trace] == [
        ("input", (1, 3, 8, 8)),
        ("interpolate", (1, 3, 16, 16)),
        ("cat", (1, 6, 16, 16)),
        ("add", (1, 6, 16, 16)),
        ("slice", (1, 6, 12, 16)),
        ("pad", (1, 6, 12, 18)),
        ("avg_pool2d", (1, 6, 6, 9)),
        ("flatten", (1, 6, 54)),
        ("transpose", (1, 54, 6)),
        ("matmul", (1, 6, 6)),
        ("softmax", (1, 6, 6)),
        ("scaled_dot_product_attention", (1, 6, 54)),
    ]
    assert trace.rows[9].macs == 6 * 54 * 6
    assert trace.rows[11].macs == 6 * 6 * 6 + 6 * 6 * 54


def test_edges_follow_the_skip_through_the_crop_into_the_concatenation():
    trace = trace_shapes(TinyUNet(), (1, 3, 18, 18))
    cat = row_named(trace, "cat")
    crops = sources(trace, cat)
    assert [trace.rows[i].operation for i in crops] == ["slice", "slice"]
    fed_by = [trace.rows[s].operation for crop in crops for s in sources(trace, crop)]
    assert fed_by == ["relu", "ConvTranspose2d"]
    assert trace.rows[cat].input_shapes == ((1, 4, 14, 14), (1, 4, 14, 14))
    assert trace.outputs == (len(trace) - 1,)


def test_folding_keeps_every_total_and_the_edges_between_what_is_left():
    model = torchvision.models.resnet18()
    whole = trace_shapes(model, (1, 3, 64, 64))
    folded = trace_shapes(model, (1, 3, 64, 64), depth=1)
    for total in ("parameters", "macs", "activation_bytes", "moved_bytes"):
        assert getattr(whole, total) == getattr(folded, total) > 0
    assert folded.rows == whole.at_depth(1).rows
    stages = [row.stage or row.operation for row in folded]
    assert stages[-3:] == ["avgpool", "flatten", "fc"]
    chain = [(i, i + 1) for i in range(len(folded) - 1)]
    assert [(edge.source, edge.target) for edge in folded.edges] == chain


def test_in_place_writes_are_part_of_the_flow():
    def forward(x):
        y = x * 2
        y[:, :1] = x[:, 1:2]  # y is now what this made of it
        view = y.view(-1)
        view.add_(1)  # and again, through a view
        return y.exp()

    trace = trace_shapes(forward, (1, 3, 4, 4))
    assign, add, exp = (row_named(trace, n) for n in ("slice_assign", "add_", "exp"))
    assert sources(trace, add) == [row_named(trace, "view")]
    assert sources(trace, exp) == [add]
    assert row_named(trace, "mul") in sources(trace, assign)
    assert trace.rows[add].activation_bytes == 0


def test_a_module_that_hands_its_input_on_is_still_on_the_way():
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Dropout(), nn.Conv2d(3, 3, 1))
    trace = trace_shapes(net, (1, 3, 4, 4))
    flow = [(edge.source, edge.target) for edge in trace.edges]
    assert flow == [(0, 1), (1, 2), (2, 3)]
    assert trace.rows[2].activation_bytes == 0


def test_memory_counts_new_tensors_and_not_views():
    def forward(x):
        return (x + 1).flatten(1).relu_()

    _, add, flatten, relu = trace_shapes(forward, (2, 3, 4, 4))
    tensor = 2 * 3 * 4 * 4 * 4  # float32
    assert (add.activation_bytes, add.moved_bytes) == (tensor, 2 * tensor)
    assert (flatten.activation_bytes, flatten.moved_bytes) == (0, 0)
    assert (relu.activation_bytes, relu.moved_bytes) == (0, 2 * tensor)


def test_a_reused_module_appears_twice_and_its_parameters_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)
            self.tied = nn.Conv2d(3, 3, 1)
            self.tied.weight = self.conv.weight
            self.idle = nn.Linear(5, 7)

        def forward(self, x):
            return self.tied(self.conv(self.conv(x)))

    model = Twice()
    trace = trace_shapes(model, (1, 3, 4, 4))
    assert [row.stage for row in trace] == ["input", "conv", "conv", "tied"]
    assert [row.parameters for row in trace] == [0, 12, 0, 3]
    assert trace.unused_parameters == 5 * 7 + 7
    assert trace.parameters == sum(p.numel() for p in model.parameters())
    assert len({row.macs for row in trace.rows[1:]}) == 1


def test_inputs_may_be_tuples_dictionaries_and_nested():
    class Pair(NamedTuple):
        sum: Tensor
        parts: list

    def forward(image, mask, *, scale=None):
        out = image * mask["all"]
        return Pair(out if scale is None else out * scale, [image, {"deep": out + 1}])

    image, mask = torch.rand(1, 2, 3), {"all": torch.rand(1, 2, 3)}
    positional = trace_shapes(forward, inputs=(image, mask))
    assert [r.stage for r in positional][:2] == ["input 0", "input 1"]
    assert sources(positional, 2) == [0, 1]
    assert [positional.rows[i].operation for i in positional.outputs] == [
        "input",
        "mul",
        "add",
    ]
    scale = torch.rand(1)
    named = trace_shapes(forward, inputs={"image": image, "mask": mask, "scale": scale})
    assert [r.stage for r in named][:3] == ["input image", "input mask", "input scale"]
    two = trace_shapes(torch.add, [(1, 3, 4, 4), (1, 3, 4, 4)])
    assert operations(two) == ["input", "input", "add"]


class Careless(nn.Module):
    """Draws numbers, keeps what it saw, counts its calls, and may fail."""

    def __init__(self, look=False, fail=False):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("calls", torch.zeros(()))
        self.cache = None
        self.look, self.fail = look, fail

    def forward(self, x):
        self.calls += 1
        self.cache = x
        self.extra = x
        x = self.drop(self.norm(x)) + torch.rand(1)
        if self.look and x.sum() > 0:
            x = x + 1
        if self.fail:
            raise RuntimeError("the third pipe leaks")
        return x


@pytest.mark.parametrize("fail", [False, True], ids=["runs", "fails"])
@pytest.mark.parametrize("look", [False, True], ids=["shapes", "numbers"])
def test_the_model_and_the_random_numbers_are_left_as_they_were(look, fail):
    model = Careless(look, fail).train()
    model.drop.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    if fail:
        with pytest.raises(ValueError, match="the third pipe leaks"):
            trace_shapes(model, (2, 3, 4, 4))
    else:
        trace_shapes(model, (2, 3, 4, 4))
    assert torch.equal(torch.rand(3), expected)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [m.training for m in model.modules()] == [True, True, False]
    assert model.cache is None
    assert not hasattr(model, "extra")
    heard = nn.modules.module
    assert not heard._global_forward_hooks
    assert not heard._global_forward_pre_hooks
    assert type(model.norm.weight) is nn.Parameter
    assert not torch.overrides._get_current_function_mode_stack()
    assert model.norm.weight.grad is None


def test_a_network_that_looks_at_numbers_is_run_with_real_ones():
    trace = trace_shapes(Careless(look=True), (2, 3, 4, 4))
    assert trace.rows[-1].operation == "add"
    assert trace.rows[-1].output_shape == (2, 3, 4, 4)


def test_real_and_imagined_runs_agree():
    model = torchvision.models.mobilenet_v3_small()
    imagined = trace_shapes(model, (1, 3, 64, 64))
    real = trace_shapes(model, (1, 3, 64, 64), device="cpu")
    assert imagined.rows == real.rows
    assert imagined.edges == real.edges
    on_meta = trace_shapes(model.to("meta"), (1, 3, 64, 64))
    assert on_meta.rows == real.rows


def test_a_reader_in_inference_mode_gets_the_same_trace():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True))
    expected = trace_shapes(net, (1, 3, 8, 8)).rows
    with torch.inference_mode():
        assert trace_shapes(net, (1, 3, 8, 8)).rows == expected
        assert trace_shapes(net, inputs=torch.rand(1, 3, 8, 8)).rows == expected
        assert trace_shapes(net, (1, 3, 8, 8), device="cpu").rows == expected


def test_nothing_is_computed_for_a_large_network():
    """A terabyte of activations is traced, so they cannot have been allocated."""
    trace = trace_shapes(nn.Conv2d(3, 4096, 3, padding=1), (16, 3, 2048, 2048))
    assert trace.activation_bytes == 2**40


def test_modules_inside_a_function_are_named_by_their_class():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    trace = trace_shapes(lambda x: net(x) + 1, (1, 3, 4, 4))
    assert [row.stage for row in trace] == ["input", "Sequential.0", "Sequential.1", ""]
    assert trace.parameters == 3 * 4 + 4


def test_what_torch_runs_outside_its_python_functions_is_heard():
    script = torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()))
    trace = trace_shapes(lambda x: script(x), (1, 3, 4, 4))
    assert trace.macs == 3 * 4 * 4 * 4
    assert trace.parameters == 3 * 4 + 4
    assert trace.rows[-1].output_shape == (1, 4, 4, 4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: trace_shapes("unet", (1, 3, 8, 8)), TypeError, "nn.Module or a func"),
        (lambda: trace_shapes(nn.ReLU()), ValueError, "one of the two"),
        (lambda: trace_shapes(nn.ReLU(), (1, 0, 8, 8)), ValueError, "positive whole"),
        (lambda: trace_shapes(nn.ReLU(), ()), ValueError, "is not a size"),
        (lambda: trace_shapes(nn.ReLU(), (1, 3, 8.5, 8)), ValueError, "B, C, H, W"),
        (lambda: trace_shapes(nn.ReLU(), 0), ValueError, "0 is not a size"),
        (lambda: trace_shapes(nn.ReLU(), inputs="x"), TypeError, "holds no tensor"),
        (lambda: trace_shapes(nn.ReLU(), (1,), depth=0), ValueError, "1 or more"),
        (
            lambda: trace_shapes(nn.Conv2d(3, 4, 3), (1, 1, 8, 8)),
            ValueError,
            r"Conv2d cannot run on input of shape \(1, 1, 8, 8\).*batch first",
        ),
        (
            lambda: trace_shapes(nn.MaxPool2d(9), (1, 1, 8, 8)),
            ValueError,
            "MaxPool2d cannot run .* too small",
        ),
        (
            lambda: trace_shapes(
                nn.Sequential(nn.Conv2d(1, 1, 3), nn.LazyConv2d(4, 3)), (1, 1, 8, 8)
            ),
            ValueError,
            "^the model is lazy: call it once",
        ),
        (
            lambda: trace_shapes(nn.Linear(2, 2), (1, 2), device="meta"),
            ValueError,
            r"model.to\('meta'\)",
        ),
    ],
)
def test_a_wrong_request_gets_one_clear_error(call, error, message, capfd):
    with pytest.raises(error, match=message):
        call()
    assert capfd.readouterr() == ("", "")  # torch would log a page of its own


class Tags(HTMLParser):
    """Collect the tags of a page with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_html_table_can_be_read_without_eyes_or_mouse():
    trace = trace_shapes(TinyUNet(), (1, 3, 18, 18))
    found = Tags(trace._repr_html_()).found
    region = next(attrs for tag, attrs in found if tag == "div")
    assert region["role"] == "region"
    assert region["tabindex"] == "0"
    found_again = Tags(trace._repr_html_()).found
    again = next(attrs for tag, attrs in found_again if tag == "div")
    assert again["aria-label"] != region["aria-label"]
    assert sum(tag == "caption" for tag, _ in found) == 1
    scopes = Counter(attrs["scope"] for tag, attrs in found if tag == "th")
    assert scopes == {"col": 7, "row": len(trace)}
    cells = [attrs for tag, attrs in found if tag == "td"]
    macs = [int(attrs["data-value"]) for attrs in cells[4::6]]
    assert macs == [row.macs for row in trace]


def test_text_fits_a_terminal_and_keeps_the_end_of_long_names():
    trace = trace_shapes(torchvision.models.resnet50(), (1, 3, 224, 224))
    lines = str(trace).splitlines()
    assert max(map(len, lines)) <= 88
    assert any("layer4.2.conv3" in line for line in lines)
    assert repr(trace) == str(trace)


class Forks(nn.Module):
    """Two branches of one input, of shapes alike, and their sum."""

    def __init__(self):
        super().__init__()
        self.left = nn.Conv2d(3, 3, 3, padding=1)
        self.right = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return torch.relu(self.left(x) + self.right(x))


def test_an_input_is_shown_only_where_it_is_not_the_output_above():
    trace = trace_shapes(Forks(), (1, 3, 8, 8))
    shape = "1×3×8×8"
    found = [line.split()[2:-4] for line in str(trace).splitlines()[4:9]]
    assert operations(trace) == ["input", "Conv2d", "Conv2d", "add", "relu"]
    assert found[1] == [shape]  # reads the row above
    assert found[2] == [shape, shape]  # the same shape, from elsewhere
    assert found[3] == [shape, "+1", shape]
    assert found[4] == [shape]
    page = re.sub(r"<style>.*?</style>|<[^>]+>", " ", trace._repr_html_(), flags=re.S)
    assert page.count(shape) == 1 + 5 + 1 + 2  # the title, outputs, these inputs


def test_the_dictionary_is_plain_and_complete():
    trace = trace_shapes(TinyUNet(), (1, 3, 18, 18))
    told = trace.to_dict()
    assert told["macs"] == sum(row["macs"] for row in told["rows"])
    assert [row["operation"] for row in told["rows"]] == operations(trace)
    assert len(told["edges"]) == len(trace.edges)
    assert isinstance(trace, Trace)
