"""Exercise 00.6: one step of training, without a fault."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Optimizer

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import fill
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.exercises.ch00.labels import VOID, call_with_void, draw_label
from simseg_core.exercises.ch00.losses import read_number

HELP = Help(
    read="Version 3: the loop",
    ask="What may be left over from the step before, or from whoever had the model "
    "before you? Name what a model, its weights and a label carry along, and say when "
    "each must be set right: by what time does it do harm?",
    idea="Let the loss be the square of a single weight that stands at 3. Its gradient "
    "is 2 · 3 = 6, and at a rate of 0.2 the step leads to 3 - 0.2 · 6 = 1.8. The loss "
    "to report is the one whose gradient was taken, 3 · 3 = 9, and not 1.8 · 1.8 = "
    "3.24. If an old gradient of 1 is still there, the new one is added to it, 6 + 1 = "
    "7, and the step leads to 3 - 0.2 · 7 = 1.6. So old gradients go before new ones "
    "are computed. In evaluation mode BatchNorm uses what it has gathered, not this "
    "batch: so the mode comes first of all. Void pixels leave the mean, its sum and "
    "its count. A loss kept as a tensor keeps its whole graph: give back the bare "
    "number.",
)

TrainStep = Callable[[nn.Module, Tensor, Tensor, Optimizer], Any]
Batches = list[tuple[Tensor, Tensor]]  # images (B, 3, H, W) and labels (B, H, W)
LR = 0.1

_STEP_FIRST = (
    "The optimizer steps before the gradients are computed: what could it follow?"
)
# What PyTorch refuses in many words, and what to make of it.
_REFUSED = {
    "backward through the graph a second time": (
        "A second backward pass in one step, which PyTorch refuses: one is enough, and "
        "to retain the graph would only hide it."
    ),
    "modified by an inplace operation": _STEP_FIRST,
}


def train_step(answer: TrainStep, steps: Steps) -> None:
    """One step, without a fault."""
    for C, B, H, W in ((3, 2, 6, 5), (4, 3, 4, 7)):
        batches = [(torch.randn(B, 3, H, W), draw_label(C, B, H, W)) for _ in range(3)]
        _compare(answer, steps, C, batches)


def _compare(answer: TrainStep, steps: Steps, C: int, batches: Batches) -> None:
    model = _network(C)
    start = _weights(model)
    optimizer = SGD(model.parameters(), lr=LR)
    done = _watch(model, optimizer)
    wanted, slips = _train(C, batches), list(_slips(C, batches))

    def run(image: Tensor, label: Tensor) -> Tensor:
        call = "train_step(model, image, label, optimizer)"
        given = model, image, label, optimizer
        try:
            got = call_with_void(steps, answer, *given, named=call)
        except NotYet as error:
            for words, hint in _REFUSED.items():
                if words in str(error):
                    raise NotYet(hint) from None
            raise
        if isinstance(got, Tensor):
            raise NotYet(
                f"{call} returns a tensor, which keeps the step's whole graph in "
                "memory for as long as it is kept: return the number in it, a float."
            )
        return torch.cat([read_number(steps, got, call), _weights(model)])

    def equal(mine: Tensor, part: Any, what: str, hint: str) -> None:
        mistakes = [(fitting, wrong[part]) for fitting, wrong in slips]
        steps.equal(mine, wanted[part], what, hint=hint, mistakes=mistakes)

    rows = [run(*batches[0])]
    loss = rows[0][:1]
    equal(
        loss,
        (0, slice(1)),
        f"the loss of a batch of {'x'.join(map(str, batches[0][1].shape))}",
        f"The loss of the first batch is {loss.item():.4g}. It is the cross-entropy of "
        "the model's logits, the mean over the pixels that are not void, before the "
        "weights move.",
    )
    if torch.equal(rows[0][1:], start):
        raise NotYet(_why_unmoved(done))
    if "step" not in done:
        raise NotYet(
            "The weights move, and not by the optimizer that was handed over: it may "
            "be another than yours, with a schedule and a memory of its own."
        )
    equal(
        rows[0],
        0,
        "the weights after the step",
        "The loss is right, the weights after the step are not: does anything but one "
        "backward pass and one step of the optimizer change gradients or weights?",
    )
    rows += [run(*batch) for batch in batches[1:]]
    equal(
        torch.stack(rows),
        slice(None),
        "three steps in a row",
        "The first step is right, a later one is not: what does a step leave behind?",
    )
    steps.require(
        model.training,
        "train mode",
        hint="After the step the model is in evaluation mode: leave it in train mode.",
    )


def _network(C: int) -> nn.Module:
    """A network in evaluation mode, which its BatchNorm shows, with old gradients."""
    layers = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()
    model = fill(nn.Sequential(*layers, nn.Conv2d(4, C, 1)))
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 0.3)
    return model


def _weights(model: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(model.parameters()).detach().clone()


def _watch(model: nn.Module, optimizer: Optimizer) -> list[str]:
    """Give a list that will hold each "backward" and "step", in order."""
    done: list[str] = []
    next(model.parameters()).register_hook(lambda _: done.append("backward"))
    optimizer.register_step_pre_hook(lambda *_: done.append("step"))
    return done


def _loss(logits: Tensor, label: Tensor) -> Tensor:
    return F.cross_entropy(logits, label, ignore_index=VOID)


def _train(
    C: int,
    batches: Batches,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = _loss,
    training: bool = True,
    clear: bool = True,
    passes: int = 1,
    late: bool = False,
) -> Tensor:
    """Train a new network, rightly or with a slip.

    Args:
        C: Its classes.
        batches: One for each step.
        loss: Of logits and label.
        training: Whether the network is in train mode.
        clear: Whether gradients are cleared before the backward pass.
        passes: Backward passes in a step.
        late: Whether the loss is that of the updated weights.

    Returns:
        A row for each step: its loss, then all weights after it.
    """
    model = _network(C).train(training)
    optimizer = SGD(model.parameters(), lr=LR)
    rows = []
    for image, label in batches:
        value = loss(model(image), label)
        if clear:
            optimizer.zero_grad()
        for _ in range(passes):
            value.backward(retain_graph=True)
        optimizer.step()
        if late:
            value = loss(model(image), label)
        rows.append(torch.cat([value.detach().view(1), _weights(model)]))
    return torch.stack(rows)


def _slips(C: int, batches: Batches) -> Iterator[tuple[str, Tensor]]:
    """Give what each known slip makes of the training, with its hint."""

    def summed(logits: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(logits, label, ignore_index=VOID, reduction="sum")

    slips: list[tuple[str, dict[str, Any]]] = [
        (
            "The model runs in evaluation mode, as it was handed over: BatchNorm then "
            "does not look at the batch.",
            {"training": False},
        ),
        (
            "Void pixels pass for class 0: no loss is taken of them.",
            {"loss": lambda x, label: _loss(x, label.where(label != VOID, 0))},
        ),
        (
            "Void pixels add nothing to the loss, and the mean still counts them.",
            {"loss": lambda x, label: summed(x, label) / label.numel()},
        ),
        ("That is the sum over pixels: take their mean.", {"loss": summed}),
        (
            "The sum over pixels is divided by the number of images only.",
            {"loss": lambda x, label: summed(x, label) / len(label)},
        ),
        (
            "The softmax is taken twice: the model gives logits, and so the loss wants "
            "them.",
            {"loss": lambda x, label: _loss(x.softmax(dim=1), label)},
        ),
        (
            "That is the loss after the weights have moved: return the one whose "
            "gradient moved them.",
            {"late": True},
        ),
        (
            "The gradient is twice what it should be: one backward pass is enough.",
            {"passes": 2},
        ),
        (
            "The step follows the gradients too that the model came with: backward() "
            "adds to what is there.",
            {"clear": False},
        ),
        (
            "The step follows old gradients alone: what computes new ones?",
            {"clear": False, "passes": 0},
        ),
    ]
    for hint, options in slips:
        yield hint, _train(C, batches, **options)


def _why_unmoved(done: list[str]) -> str:
    """Give the hint for weights that are as they were before the first step."""
    if "backward" not in done:
        return "No weight has moved, and none was given a gradient: what computes one?"
    if "step" not in done:
        return "The gradients are there, and no weight has moved: what moves them?"
    if done.index("step") < done.index("backward"):
        return _STEP_FIRST
    return (
        "The gradients are computed, and gone before the optimizer steps: clear them "
        "before, not after."
    )
