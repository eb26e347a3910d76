"""What a picture leaves out is told, and what it tells is named without confusion."""

import matplotlib.pyplot as plt
import pytest
import torch
import torchvision
from torch import nn

from simseg_core.figures.network.draw import draw_trace
from simseg_core.figures.network.plan import MOST, make_plan
from simseg_core.figures.style import SMALLEST, WIDTH
from simseg_core.figures.text import fit, width, wrap
from simseg_core.probes import trace_shapes
from tests.figures.legible import assert_legible


def plan_of(trace):
    plan = make_plan(trace)
    return plan.graph, plan.layout


def test_a_trace_too_detailed_is_folded_until_it_fits():
    trace = trace_shapes(torchvision.models.resnet50(), (1, 3, 224, 224))
    plan = make_plan(trace)
    assert plan.layout.width <= WIDTH
    stages = [f"layer{stage}" for stage in (1, 2, 3, 4)]
    assert [box.name for box in plan.graph.boxes] == ["input", "conv1", *stages, "fc"]
    assert [box.level for box in plan.graph.boxes] == [0, 1, 2, 3, 4, 5, 6]
    assert plan.note.startswith(f"{len(trace) - 1} operations in {len(stages) + 2} ")


class Repeats(nn.Module):
    """Forty residual units of functions: no module to fold by."""

    def forward(self, x):
        for _ in range(40):
            x = x + torch.relu(x @ torch.ones(4, 4, device=x.device))
        return x


class Comb(nn.Module):
    """Every layer reads all before it: no place for a cut."""

    def forward(self, x):
        made = [x]
        for _ in range(30):
            made.append(torch.cat(made, 1) @ torch.ones(4, 4, device=x.device))
        return made[-1]


class Seesaw(nn.Module):
    """Down and up at every step: never two boxes of a level in a row."""

    def forward(self, x):
        for _ in range(30):
            weight = torch.ones(4, 4, 2, 2, device=x.device)
            y = nn.functional.conv2d(x, weight, stride=2)
            x = x + nn.functional.conv_transpose2d(y, weight, stride=2)
        return x


@pytest.mark.parametrize("model", [Repeats, Comb, Seesaw])
def test_what_no_module_holds_is_folded_too(model):
    trace = trace_shapes(model(), (1, 4, 4, 4))
    plan = make_plan(trace)
    assert 1 < len(plan.graph.boxes) <= MOST
    assert draw_trace(trace).get_figwidth() == WIDTH
    drawn = sum(box.memory for box in plan.graph.boxes)
    constants = sum(row.activation_bytes for row in trace if row.operation == "ones")
    assert drawn == trace.activation_bytes + trace[0].output_bytes - constants
    assert all(a < b for a, b in plan.graph.links)
    if model is Repeats:  # whole units: no skip leads out of one
        assert plan.graph.skips == set()


def test_channels_last_are_known_by_the_proportions():
    """Swin's maps are (B, H, W, C), and patch merging halves them by slices."""
    swin = torchvision.models.SwinTransformer([4, 4], 8, [2, 2, 2], [1, 2, 4], [7, 7])
    graph, _ = plan_of(trace_shapes(swin, (1, 3, 112, 224)))
    stages = [
        box for box in graph.boxes if "features" in box.name and "." in box.name[9:]
    ]
    shown = {(box.size, box.channels) for box in stages}
    assert shown == {((28, 56), 8), ((14, 28), 16), ((7, 14), 32)}
    levels = [box.level for box in stages]
    assert levels == sorted(levels)
    assert len(set(levels)) == 3


def test_each_map_of_a_module_with_several_has_its_own_level():
    class Pyramid(nn.Module):
        def forward(self, x):
            return x + 1, nn.functional.max_pool2d(x, 4)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.pyramid = Pyramid()
            self.fine, self.coarse = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

        def forward(self, x):
            fine, coarse = self.pyramid(x)
            return self.fine(fine), self.coarse(coarse)

    graph, layout = plan_of(trace_shapes(Net(), (1, 3, 32, 48), depth=1))
    at = {box.name: box for box in graph.boxes}
    assert at["fine"].level == 0
    assert at["coarse"].level == 1
    assert layout.bands[1].title == "8×12"


def test_no_two_boxes_have_one_name():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.step = nn.Linear(8, 8)

        def forward(self, x):
            return self.step(torch.relu(self.step(x) + x) + x)

    graph, _ = plan_of(trace_shapes(Shared(), (2, 8)))
    assert [box.name for box in graph.boxes] == ["input", "step", "step #2"]
    assert [box.does for box in graph.boxes][2] == "add (×2), Linear"


def test_a_long_title_is_broken_and_none_is_cut():
    net = type("ANetworkWithAVeryLongName" * 3, (nn.Conv2d,), {})(3, 8, 3)
    figure = draw_trace(trace_shapes(net, (1, 3, 32, 32)))
    assert figure.get_suptitle().replace("\n", "").startswith(type(net).__name__)
    assert "\n" in figure.get_suptitle()
    assert_legible(figure)


def test_texts_are_measured_as_they_are_drawn():
    figure = plt.figure(figsize=(5, 1), dpi=100)
    plt.close(figure)
    for text in ("encoder.stages.1", "scaled_dot_product", "MMM"):
        drawn = figure.text(0, 0, text, size=SMALLEST, family="sans-serif")
        true = drawn.get_window_extent().width / figure.dpi
        assert true <= width(text) <= 1.1 * true
        assert fit(text, 1.1 * true) == text
        assert width(fit(text, true / 2)) <= true / 2
    assert wrap("a b", 0.01, 9.0) == ["a", "b"]
