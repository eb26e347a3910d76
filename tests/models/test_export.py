"""Networks written down for other programs, run at sizes that the example had not.

A branch on a size that is taken while a network is exported holds for every size later.
The examples here are even at every pooling; what is run is odd, smaller and larger.
"""

import io
import warnings
from collections.abc import Callable

import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from simseg_core import create_model
from simseg_core.models.attention import LAYOUTS, SelfAttention2d
from simseg_core.models.layers import is_recorded
from simseg_core.models.multiscale import WAYS, MultiScale
from tests.models.tiny import ONE_A_CLASS, close, shown

OPEN = {0: Dim.AUTO, 2: Dim.AUTO, 3: Dim.AUTO}  # batch, height, width
# Nine stages that each compare every two positions are slow, and three do as well;
# torch.export is slow where sizes are cropped, and one pooling crops already.
FEWER = {
    "unet": {"widths": (4, 6)},
    "unet_padded": {"widths": (4, 6, 8)},
    "unet_attention": {"widths": (8, 8, 8)},
    "unet_cbam": {"widths": (4, 6, 8)},
    "unet_residual": {"widths": (4, 6, 8)},
}
Run = Callable[[Tensor], Tensor]


def tiny(name: str) -> nn.Module:
    options = FEWER.get(name, {})
    return shown(create_model(name, preset="tiny", num_classes=2, **options))


def sizes(name: str) -> tuple[tuple[int, int], list[tuple[int, int, int]]]:
    """Give an example's height and width; then batch, height and width of others."""
    if name == "unet":  # even sizes only
        return (32, 36), [(1, 30, 26), (3, 22, 50)]
    if name in FEWER:
        return (16, 24), [(1, 9, 15), (3, 27, 38)]
    if name == "fchardnet70":
        return (128, 128), [(1, 129, 131), (3, 150, 141)]
    return (64, 64), [(1, 65, 71), (3, 90, 67)]


def close_elsewhere(run: Run, model: nn.Module, name: str) -> None:
    """Require equal outputs at sizes other than the example's."""
    for size in sizes(name)[1]:
        x = torch.randn(size[0], 3, *size[1:])
        with torch.no_grad():
            close(run(x), model(x))


def example(name: str) -> Tensor:
    return torch.randn(2, 3, *sizes(name)[0])


def trace(model: nn.Module, x: Tensor) -> nn.Module:
    with warnings.catch_warnings(), torch.no_grad():
        # That tracing is the older way; that a check of sizes is not kept.
        warnings.simplefilter("ignore")
        return torch.jit.trace(model, x, check_trace=False)


def onnx_runner(file: io.BytesIO) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file.getvalue(), options)
    (given,) = session.get_inputs()
    return lambda x: torch.from_numpy(session.run(None, {given.name: x.numpy()})[0])


def to_onnx_by_tracing(model: nn.Module, x: Tensor) -> Run:
    file = io.BytesIO()
    with warnings.catch_warnings():
        # That this exporter is the older one; that a check of sizes is not kept.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (x,),
            file,
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": {0: "batch", 2: "height", 3: "width"}},
        )
    return onnx_runner(file)


@pytest.mark.parametrize("name", ONE_A_CLASS)
def test_a_trace_runs_at_other_sizes(name: str) -> None:
    model = tiny(name)
    traced = trace(model, example(name))
    with torch.jit.optimized_execution(False):  # which costs seconds a new size
        close_elsewhere(traced, model, name)


@pytest.mark.parametrize("name", ONE_A_CLASS)
def test_onnx_runs_at_other_sizes(name: str) -> None:
    model = tiny(name)
    close_elsewhere(to_onnx_by_tracing(model, example(name)), model, name)


@pytest.mark.parametrize("name", ONE_A_CLASS)
def test_an_exported_program_runs_at_other_sizes(name: str) -> None:
    model = tiny(name)
    program = torch.export.export(model, (example(name),), dynamic_shapes=(OPEN,))
    close_elsewhere(program.module(), model, name)


@pytest.mark.parametrize("name", ["unet", "unet_padded"])
def test_onnx_from_an_exported_program(name: str) -> None:
    model = tiny(name)
    program = torch.onnx.export(
        model, (example(name),), dynamo=True, dynamic_shapes=(OPEN,), verbose=False
    )
    file = io.BytesIO()
    program.save(file)
    close_elsewhere(onnx_runner(file), model, name)


def test_an_exported_valid_unet_still_refuses_sizes_that_do_not_fit() -> None:
    model = tiny("unet")
    program = torch.export.export(model, (example("unet"),), dynamic_shapes=(OPEN,))
    with pytest.raises(AssertionError, match="Guard failed"):
        program.module()(torch.zeros(1, 3, 33, 36))


def test_heights_of_a_valid_unet_have_a_formula_of_their_own() -> None:
    model = tiny("unet")
    halves = Dim("halves", min=10, max=1000)
    program = torch.export.export(
        model, (example("unet"),), dynamic_shapes=({2: 2 * halves},)
    )
    x = torch.randn(2, 3, 22, 36)
    with torch.no_grad():
        torch.testing.assert_close(program.module()(x), model(x))


@pytest.mark.parametrize("options", [{"up": "bilinear"}, {"skips": False}])
def test_options_of_the_padded_unet(options: dict) -> None:
    model = shown(create_model("unet_padded", widths=(4, 6, 8), **options))
    run = to_onnx_by_tracing(model, example("unet_padded"))
    close_elsewhere(run, model, "unet_padded")


def test_every_layout_of_attention() -> None:
    for layout in LAYOUTS:
        block = shown(SelfAttention2d(8, layout=layout))
        traced = trace(block, torch.randn(2, 8, 6, 8))
        x = torch.randn(3, 8, 5, 11)
        with torch.no_grad():
            torch.testing.assert_close(traced(x), block(x))


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_see_several_scales(way: str) -> None:
    model = shown(MultiScale(way=way, width=4))
    run = to_onnx_by_tracing(model, torch.randn(2, 3, 64, 64))
    close_elsewhere(run, model, "another")


def test_one_compilation_serves_even_and_odd_sizes() -> None:
    torch._dynamo.reset()  # what other tests compiled would make this a recompilation
    model = tiny("unet_padded")
    compiled = torch.compile(model, backend="eager", fullgraph=True, dynamic=True)
    with torch.no_grad(), torch._dynamo.config.patch(error_on_recompile=True):
        compiled(example("unet_padded"))
        for size in [(2, 9, 15), (2, 27, 38)]:
            x = torch.randn(size[0], 3, *size[1:])
            torch.testing.assert_close(compiled(x), model(x))


def test_nothing_is_recorded_in_eager_mode() -> None:
    seen = []

    class Asks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(is_recorded())
            return x + 1

    Asks()(torch.zeros(1))
    trace(Asks(), torch.zeros(1))
    torch.export.export(Asks(), (torch.zeros(1),))
    assert seen == [False, True, True]
