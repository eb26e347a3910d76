"""The exercises of the chapter on pixels and scores: right and wrong answers."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Optimizer
from torchvision.transforms import v2

from simseg_core.data.transforms import PairTransform
from simseg_core.training import ScoreMeter, inverse_sqrt_frequency
from tests.exercises.bench import Answers, AnswersOfAChapter

given = Answers("00")

# What every check says, whatever the exercise asks for.
for each in given.numbers:
    given(each, "takes 0 positional arguments but")(lambda: 0)

# --- 00.1 ------------------------------------------------------------------------


@given("00.1")
@given("00.1", "still counts them", form="all pixels")
@given("00.1", "That is the sum over pixels", form="sum")
@given("00.1", "divided by the number of images", form="by images")
@given("00.1", "Each image's mean is taken first", form="of images")
@given("00.1", "no gradient leads", form="item")
@given("00.1", "not a tensor of shape (2, 4, 5)", form="map")
@given("00.1", "runs over the rows", axis=2)
@given("00.1", "runs over the columns", axis=3)
@given("00.1", "runs over the images", axis=0)
@given("00.1", "The sign is turned", sign=-1)
@given("00.1", "runs over the classes too", sign=1 / 3)
@given("00.1", "Those are bits", sign=1 / np.log(2))
@given("00.1", "not that of base 10", sign=1 / np.log(10))
def cross_entropy(
    logits: Tensor,
    label: Tensor,
    ignore_index: int,
    form: str = "",
    axis: int = 1,
    sign: float = 1,
) -> Any:
    counts = label != ignore_index
    scores = logits - logits.logsumexp(axis, keepdim=True)
    picked = scores.gather(1, (label * counts)[:, None]).squeeze(1)
    loss = -sign * picked * counts
    if form == "of images":
        return torch.stack([a[b].mean() for a, b in zip(loss, counts)]).mean()
    reduced = {
        "all pixels": loss.mean(),
        "sum": loss.sum(),
        "by images": loss.sum() / len(label),
        "item": (loss.sum() / counts.sum()).item(),
        "map": loss,
    }
    return reduced.get(form, loss.sum() / counts.sum())


@given("00.1")
@given("00.1", "its gradient is not", detached=True)
def cross_entropy_by_rows(
    logits: Tensor, label: Tensor, ignore_index: int, detached: bool = False
) -> Tensor:
    """A row for each pixel that counts."""
    rows, classes = logits.movedim(1, -1).flatten(0, 2), label.flatten()
    rows, classes = rows[classes != ignore_index], classes[classes != ignore_index]
    most = rows.max(1, keepdim=True).values
    total = (rows - most).exp().sum(1)
    if detached:
        total = total.detach()
    losses = total.log() - (rows - most)[torch.arange(len(rows)), classes]
    return losses.mean().reshape(1)


given("00.1")(lambda x, y, void: F.nll_loss(x.log_softmax(1), y, ignore_index=void))
given("00.1", "leave it aside")(
    lambda x, y, void: F.cross_entropy(x, y, ignore_index=void)
)
given("00.1", "leave it aside")(
    lambda x, y, void: nn.CrossEntropyLoss(ignore_index=void)(x, y)
)
given("00.1", "passes by no probability")(
    lambda x, y, void: F.nll_loss(x.softmax(1).log(), y, ignore_index=void)
)
given("00.1", "The softmax is taken twice")(
    lambda x, y, void: F.nll_loss(x.softmax(1).log_softmax(1), y, ignore_index=void)
)
given("00.1", "The logits are taken as they are")(
    lambda x, y, void: F.nll_loss(x, y, ignore_index=void)
)
given("00.1", "that is the mean of probabilities")(
    lambda x, y, void: -F.nll_loss(x.softmax(1), y, ignore_index=void)
)
given("00.1", "charges a confident mistake")(
    lambda x, y, void: 1 + F.nll_loss(x.softmax(1), y, ignore_index=void)
)
given("00.1", "of class 0")(
    lambda x, y, void: F.nll_loss(x.log_softmax(1), y * (y != void))
)
given("00.1", "of class 3")(
    lambda x, y, void: F.nll_loss(x.log_softmax(1), y.clamp(0, x.shape[1] - 1))
)
given("00.1", "A sigmoid asks each class by itself")(
    lambda x, y, void: F.binary_cross_entropy_with_logits(
        x, F.one_hot(y % x.shape[1], x.shape[1]).movedim(-1, 1).float()
    )
)
given("00.1", "is the number of no class")(
    lambda x, y, void: -x.log_softmax(1).gather(1, y[:, None]).mean()
)


@given("00.1", "No pixel is left out")
def cross_entropy_of_one_void(x: Tensor, y: Tensor, ignore_index: int) -> Tensor:
    y = y.where(y != -100, 255)
    return F.nll_loss(x.log_softmax(1), y, ignore_index=255)


@given("00.1", "changes its input `label` in place")
def cross_entropy_in_place(x: Tensor, label: Tensor, ignore_index: int) -> Tensor:
    label[label == ignore_index] = -100
    return F.nll_loss(x.log_softmax(1), label)


given("00.1", "one number for all pixels together, not tuple")(
    lambda x, y, void: (x.mean(), y)
)
given("00.1", "one number for all pixels together, not str")(lambda x, y, void: "1.5")

# --- 00.2 ------------------------------------------------------------------------


@given("00.2")
@given("00.2", "The mean weight is not 1 yet", normal="not")
@given("00.2", "The weights sum to 1", normal="sum")
@given("00.2", "The greatest weight is 1", normal="max")
@given("00.2", "The least weight is 1", normal="min")
@given("00.2", "mean over all pixels is 1", normal="pixels")
@given("00.2", "runs over a class without pixels", normal="all")
@given("00.2", "makes a rare class too heavy", power=-1.0)
@given("00.2", "makes a rare class too heavy", power=-1.0, normal="not")
@given("00.2", "The commonest class weighs most", power=0.5)
@given("00.2", "The commonest class weighs most", power=1.0, normal="not")
@given("00.2", "infinite it may not be", absent=float("inf"))
@given("00.2", "infinite it may not be", absent=-1.0)
@given("00.2", "infinite it may not be", absent=float("nan"))
def class_weights(
    counts: Tensor, power: float = -0.5, normal: str = "", absent: float = 0.0
) -> Tensor:
    there = counts > 0
    weights = torch.full(counts.shape, absent)
    weights[there] = counts[there].float() ** power
    if normal == "all" and (~there).any():
        return weights * len(counts) / weights.sum()
    scale = {
        "not": torch.tensor(1.0),
        "sum": weights[there].sum(),
        "max": weights[there].max(),
        "min": weights[there].min(),
        "pixels": (weights * counts)[there].sum() / counts.sum(),
    }
    return weights / scale.get(normal, weights[there].mean())


@given("00.2")
def class_weights_by_numpy(counts: Tensor) -> Any:
    n = counts.numpy().astype(float)
    weights = 1 / np.sqrt(np.maximum(n, 1e-6))
    return weights / weights[n > 0].mean()


@given("00.2")
def class_weights_in_a_list(counts: Tensor) -> list[float]:
    roots = [count**-0.5 if count else None for count in counts.tolist()]
    there = [root for root in roots if root]
    return [root / (sum(there) / len(there)) if root else 1.0 for root in roots]


@given("00.2", "infinite, and so is a mean over it")
def class_weights_divide_by_zero(counts: Tensor) -> Tensor:
    weights = 1 / counts.sqrt()
    return weights / weights.mean()


given("00.2", "1 is added to every count")(
    lambda counts: (counts + 1).rsqrt() / (counts + 1).rsqrt().mean()
)
given("00.2", "Those are logarithms")(lambda counts: -(counts / counts.sum()).log())
given("00.2", "hardly tells a rare class")(lambda counts: 1 - counts / counts.sum())
given("00.2", "numbers, one for each class")(
    lambda counts: counts.float().rsqrt().sum()
)
given("00.2", "numbers, one for each class")(lambda counts: counts[counts > 4].rsqrt())
given("00.2", "numbers, one for each class")(lambda counts: "weights")
given("00.2", "four times fewer pixels")(lambda counts: counts.float().pow(-1 / 3))


@given("00.2", "ZeroDivisionError: ")
def class_weights_of_plain_numbers(counts: Tensor) -> Any:
    roots = [n**-0.5 for n in counts.tolist()]
    return [root * len(roots) / sum(roots) for root in roots]


# --- 00.3 ------------------------------------------------------------------------


@given("00.3")
@given("00.3", "taken image by image", axes=(2, 3))
@given("00.3", "all classes stand in one fraction", axes=(0, 1, 2, 3))
@given("00.3", "over void pixels too", void="in p")
@given("00.3", "Void pixels pass for class 0", void="is class 0")
@given("00.3", "The prediction is hard", p="hard")
@given("00.3", "A sigmoid asks", p="sigmoid")
@given("00.3", "The logits are taken for probabilities", p="logits")
@given("00.3", "runs over the rows", axis=2)
@given("00.3", "runs over the columns", axis=-1)
@given("00.3", "runs over the images", axis=0)
@given("00.3", "would be 1/2", times=1)
@given("00.3", "That is the IoU", minus=True, times=1)
@given("00.3", "of squares, as in V-Net", power=2)
@given("00.3", "added above and below", smooth=1.0)
@given("00.3", smooth=1e-5)
@given("00.3", "Class 0 is left out", first=1)
def soft_dice(
    logits: Tensor,
    label: Tensor,
    num_classes: int,
    axes: tuple[int, ...] = (0, 2, 3),
    void: str = "",
    p: str = "",
    axis: int = 1,
    times: float = 2,
    minus: bool = False,
    power: int = 1,
    smooth: float = 1e-7,
    first: int = 0,
) -> Tensor:
    counts = label < num_classes
    t = F.one_hot(label * counts, num_classes).permute(0, 3, 1, 2)
    chances = {
        "hard": F.one_hot(logits.argmax(1), num_classes).permute(0, 3, 1, 2),
        "sigmoid": logits.sigmoid(),
        "logits": logits,
    }.get(p, logits.softmax(axis))
    t = t if void == "is class 0" else t * counts.unsqueeze(1)
    chances = chances if void else chances * counts.unsqueeze(1)
    common = (chances * t).sum(axes)
    below = (chances**power).sum(axes) + t.sum(axes)
    dice = (times * common + smooth) / (below - minus * common + smooth)
    return 1 - (dice[first:] if first else dice).mean()


@given("00.3")
@given("00.3", "That is the Dice itself", form="dice")
@given("00.3", "not the sum", form="sum")
@given("00.3", "not a tensor of shape (2,)", form="by class")
@given("00.3", "no gradient leads", form="item")
@given("00.3", "its gradient is not", form="half detached")
def soft_dice_class_by_class(
    logits: Tensor, label: Tensor, num_classes: int, form: str = ""
) -> Any:
    counts = label != 255
    losses = []
    for c in range(num_classes):
        p = logits.softmax(dim=1)[:, c][counts]
        t = (label[counts] == c).float()
        below = p.detach() if form == "half detached" else p
        losses.append(1 - 2 * (p @ t) / (below.sum() + t.sum()))
    loss = torch.stack(losses)
    reduced = {
        "dice": 1 - loss.mean(),
        "sum": loss.sum(),
        "by class": loss,
        "item": loss.mean().item(),
    }
    return reduced.get(form, loss.mean())


@given("00.3", "is the number of no class")
def soft_dice_of_one_hot(logits: Tensor, label: Tensor, num_classes: int) -> Tensor:
    F.one_hot(label, num_classes)
    return soft_dice(logits, label, num_classes)


given("00.3", "Void pixels pass for class 2")(
    lambda x, y, C: soft_dice(x, y.clamp(max=C - 1), C)
)
given("00.3", "not dict")(lambda x, y, C: {"loss": x.mean()})
given("00.3", "1 minus the mean over the classes")(lambda x, y, C: x.softmax(1).mean())

# --- 00.4 ------------------------------------------------------------------------

Pairs = list[tuple[Tensor, Tensor]]


@given("00.4")
@given("00.4", "counts as 0", absent=0.0)
@given("00.4", "counts as 1", absent=1.0)
@given("00.4", "has no IoU, 0 / 0", absent=float("nan"))
@given("00.4", "is left out: it occurs", form="labelled")
@given("00.4", "predicted at void pixels", form="void in the union")
@given("00.4", "That is the pixel accuracy", form="accuracy")
@given("00.4", "those predicted and not labelled", form="recall")
@given("00.4", "those labelled and not predicted", form="precision")
@given("00.4", "That is the Dice", form="dice")
@given("00.4", "counts the common pixels twice", form="no difference")
@given("00.4", "in one fraction", form="micro")
@given("00.4", "Each class weighs as much", form="frequency")
@given("00.4", "Those are per cent", times=100)
@given("00.4", "Class 0 is left out", first=1)
@given("00.4", "not a tensor of shape (3,)", form="by class")
@given("00.4", "not list", form="list")
def mean_iou(
    pairs: Pairs,
    num_classes: int,
    ignore_index: int,
    form: str = "",
    absent: float | None = None,
    times: float = 1,
    first: int = 0,
) -> Any:
    hits, labelled, predicted = (torch.zeros(num_classes) for _ in range(3))
    for prediction, label in pairs:
        counts = label != ignore_index
        for c in range(num_classes):
            hits[c] += ((prediction == c) & (label == c)).sum()
            labelled[c] += (label == c).sum()
            found = prediction if form == "void in the union" else prediction[counts]
            predicted[c] += (found == c).sum()
    union = labelled + predicted - hits
    iou = hits / union
    if form in ("by class", "list"):
        return iou if form == "by class" else iou.tolist()
    if absent is not None:
        return iou.nan_to_num(absent).mean()
    other = {
        "labelled": iou[labelled > 0].mean(),
        "accuracy": hits.sum() / labelled.sum(),
        "recall": (hits / labelled).nanmean(),
        "precision": (hits / predicted).nanmean(),
        "dice": (2 * hits / (labelled + predicted)).nanmean(),
        "no difference": (hits / (labelled + predicted)).nanmean(),
        "micro": hits.sum() / union.sum(),
        "frequency": (labelled * iou).nansum() / labelled.sum(),
    }
    return other.get(form, times * iou[first:][union[first:] > 0].mean())


@given("00.4")
@given("00.4", "a mean of images' scores", of="images")
@given("00.4", "a mean of images' scores", of="images, by class")
def mean_iou_by_numpy(
    pairs: Pairs, num_classes: int, ignore_index: int, of: str = ""
) -> Any:
    tables = []
    for prediction, label in pairs:
        p, t = prediction.numpy(), label.numpy()
        table = np.zeros((num_classes, num_classes))
        np.add.at(table, (t[t != ignore_index], p[t != ignore_index]), 1)
        tables.append(table)

    def iou(table: Any) -> Any:
        hits = np.diag(table)
        with np.errstate(invalid="ignore"):
            return hits / (table.sum(0) + table.sum(1) - hits)

    if of == "images":
        return np.mean([np.nanmean(iou(table)) for table in tables])
    if of:
        return np.nanmean([iou(table) for table in tables])
    return np.nanmean(iou(sum(tables)))


@given("00.4")
def mean_iou_of_sets(pairs: Pairs, num_classes: int, ignore_index: int) -> float:
    found: list[float] = []
    for c in range(num_classes):
        predicted, labelled = set(), set()
        for image, (prediction, label) in enumerate(pairs):
            for place in (label != ignore_index).nonzero().tolist():
                if prediction[*place] == c:
                    predicted.add((image, *place))
                if label[*place] == c:
                    labelled.add((image, *place))
        if predicted | labelled:
            found.append(len(predicted & labelled) / len(predicted | labelled))
    return sum(found) / len(found)


@given("00.4")
def mean_iou_by_the_meter(pairs: Pairs, num_classes: int, ignore_index: int) -> float:
    """The book's own scores agree with the check's."""
    names = [str(c) for c in range(num_classes)]
    meter = ScoreMeter(names, ignore_index=ignore_index, boundary=False)
    for prediction, label in pairs:
        meter.update(prediction[None], label[None])
    return meter.compute().miou


@given("00.4", "Void is counted as a class of its own", first=4)
@given("00.4", "Void pixels pass for class 0", first=0)
def mean_iou_with_void_as_a_class(
    pairs: Pairs, num_classes: int, ignore_index: int, first: int
) -> Any:
    filled = [(p, t.where(t != ignore_index, first)) for p, t in pairs]
    return mean_iou(filled, num_classes + (first > 0), 255)


@given("00.4", "changes its input `pairs` in place")
def mean_iou_in_place(pairs: Pairs, num_classes: int, ignore_index: int) -> Any:
    for prediction, label in pairs:
        prediction[label == ignore_index] = ignore_index
    return mean_iou([(p, t) for p, t in pairs], num_classes, ignore_index)


@given("00.4", "changes its input `pairs` in place")
def mean_iou_by_popping(pairs: Pairs, num_classes: int, ignore_index: int) -> Any:
    taken = [pairs.pop() for _ in range(len(pairs))]
    return mean_iou(taken, num_classes, ignore_index)


@given("00.4", "is the number of no class")
def mean_iou_by_table(pairs: Pairs, num_classes: int, ignore_index: int) -> Any:
    table = torch.zeros(num_classes, num_classes)
    for prediction, label in pairs:
        table[label, prediction] += 1
    return mean_iou(pairs, num_classes, ignore_index)


given("00.4", "that both call so")(lambda pairs, C, void: 0.123)

# --- 00.5 ------------------------------------------------------------------------

Rng = torch.Generator


@given("00.5")
@given("00.5", "left and right, the label not at all", label_axes=())
@given("00.5", "not at all, the label left and right", image_axes=())
@given("00.5", "left and right, the label top and bottom", label_axes=(0,))
@given("00.5", "The pair is flipped top and bottom", image_axes=(1,), label_axes=(0,))
@given("00.5", "The pair is flipped both ways", image_axes=(1, 2), label_axes=(0, 1))
@given("00.5", "axis 0 is the channels", image_axes=(0,))
@given("00.5", "one rng, 100 flipped", chance=1)
@given("00.5", "one rng, 0 flipped", chance=0)
@given("00.5", "half of them should", chance=0.1)
def flip_pair(
    image: Tensor,
    label: Tensor,
    rng: Rng,
    image_axes: tuple[int, ...] = (2,),
    label_axes: tuple[int, ...] = (1,),
    chance: float = 0.5,
) -> tuple[Tensor, Tensor]:
    if torch.rand(1, generator=rng) < chance:
        return image.flip(image_axes), label.flip(label_axes)
    return image, label


@given("00.5")
def flip_by_columns(image: Tensor, label: Tensor, rng: Rng) -> list[Tensor]:
    step = 1 - 2 * torch.randint(2, (), generator=rng).item()
    columns = list(range(label.shape[1]))[:: int(step)]
    return [image[:, :, columns], label[:, columns]]


@given("00.5")
def flip_by_torchvision(image: Tensor, label: Tensor, rng: Rng) -> Any:
    chance = torch.bernoulli(torch.tensor(0.5), generator=rng).item()
    return PairTransform(v2.RandomHorizontalFlip(chance))(image, label)


given("00.5", "left and right, the label not at all")(
    lambda image, label, rng: (
        image.flip(2) if torch.rand((), generator=rng) < 0.5 else image,
        label.flip(1) if torch.rand((), generator=rng) < 0.5 else label,
    )
)


@given("00.5", "one rng, 100 flipped")
def flip_from_an_rng_of_its_own(image: Tensor, label: Tensor, rng: Rng) -> Any:
    return flip_pair(image, label, torch.Generator().manual_seed(3))


@given("00.5", "that others draw from too", draw=random.random)
@given("00.5", "that others draw from too", draw=lambda: torch.rand(()))
@given(
    "00.5", "that others draw from too", draw=lambda: np.random.default_rng().random()
)
def flip_by_another_chance(
    image: Tensor, label: Tensor, rng: Rng, draw: Callable[[], Any]
) -> Any:
    turn = draw() < 0.5
    return (image.flip(2), label.flip(1)) if turn else (image, label)


@given("00.5", "class numbers stay whole numbers")
def flip_of_floats(image: Tensor, label: Tensor, rng: Rng) -> Any:
    image, label = flip_pair(image, label, rng)
    return image, label.float()


@given("00.5", "there is nothing to blend")
def flip_that_blends(image: Tensor, label: Tensor, rng: Rng) -> Any:
    image, label = flip_pair(image, label, rng)
    size = [2 * n for n in label.shape]
    large = F.interpolate(label[None, None].float(), size, mode="bilinear")
    return image, F.avg_pool2d(large, 2)[0, 0]


@given("00.5", "The label, of shape (6, 4) now, is no flip")
def flip_that_turns(image: Tensor, label: Tensor, rng: Rng) -> Any:
    return image, label.mT


@given("00.5", "The image, of shape (3, 4, 6) now, is no flip")
def flip_that_shifts(image: Tensor, label: Tensor, rng: Rng) -> Any:
    return image.roll(1, 2), label.roll(1, 1)


@given("00.5", "changes its input `image` in place")
def flip_in_place(image: Tensor, label: Tensor, rng: Rng) -> Any:
    image.copy_(image.flip(2))
    return image, label.flip(1)


@given("00.5", "is there a return, on every path")
def flip_that_returns_at_times(image: Tensor, label: Tensor, rng: Rng) -> Any:
    if torch.rand((), generator=rng) < 0.5:
        return image.flip(2), label.flip(1)
    return None


@given("00.5", "AttributeError: 'torch._C.Generator' object has no attribute")
def flip_as_with_numpy(image: Tensor, label: Tensor, rng: Any) -> Any:
    return (image.flip(2), label.flip(1)) if rng.random() < 0.5 else (image, label)


given("00.5", "and both always")(lambda image, label, rng: image.flip(2))
given("00.5", "have changed places")(lambda image, label, rng: (label, image))
given("00.5", "Return two tensors: yours are ndarray and Tensor")(
    lambda image, label, rng: (image.numpy(), label)
)

# --- 00.6 ------------------------------------------------------------------------


@given("00.6")
@given("00.6", "adds to what is there", leave_out="zero_grad")
@given("00.6", "what computes one", leave_out="backward")
@given("00.6", "follows old gradients alone", leave_out="zero_grad backward")
@given("00.6", "what moves them", leave_out="step")
@given("00.6", "in evaluation mode, as it was handed over", leave_out="train")
@given("00.6", "keeps the step's whole graph", leave_out="item")
@given("00.6", "is the number of no class", void=-100)
def train_step(
    model: nn.Module,
    image: Tensor,
    label: Tensor,
    optimizer: Optimizer,
    leave_out: str = "",
    void: int = 255,
) -> Any:
    if "train" not in leave_out:
        model.train()
    if "zero_grad" not in leave_out:
        optimizer.zero_grad()
    loss = F.cross_entropy(model(image), label, ignore_index=void)
    if "backward" not in leave_out:
        loss.backward()
    if "step" not in leave_out:
        optimizer.step()
    return loss if leave_out == "item" else loss.item()


@given("00.6")
@given("00.6", "That is the sum over pixels", reduction="sum")
@given("00.6", "divided by the number of images only", reduction="by images")
@given("00.6", "the mean still counts them", reduction="all pixels")
@given("00.6", "Void pixels pass for class 0", reduction="void is class 0")
@given("00.6", "The softmax is taken twice", reduction="of probabilities")
@given("00.6", "the mean over the pixels that are not void", reduction="smoothed")
@given("00.6", "The gradient is twice", passes=2)
@given("00.6", "which PyTorch refuses", passes=2, retain=False)
@given("00.6", "adds to what is there", clears_last=True)
@given("00.6", "after the weights have moved", late=True)
@given("00.6", "leave it in train mode", ends_in_eval=True)
@given("00.6", "anything but one backward pass", clip=1e-3)
@given("00.6", "what does a step leave behind", slower=0.5)
def train_step_by_rows(
    model: nn.Module,
    image: Tensor,
    label: Tensor,
    optimizer: Optimizer,
    reduction: str = "",
    passes: int = 1,
    retain: bool = True,
    clears_last: bool = False,
    late: bool = False,
    ends_in_eval: bool = False,
    clip: float = 0,
    slower: float = 1,
) -> Any:
    def measure() -> Tensor:
        logits, counts = model(image), label != 255
        if reduction == "void is class 0":
            return F.cross_entropy(logits, label * counts)
        if reduction == "of probabilities":
            logits = logits.softmax(1)
        rows, target = logits.movedim(1, -1)[counts], label[counts]
        if reduction == "smoothed":
            return F.cross_entropy(rows, target, label_smoothing=0.1)
        total = F.cross_entropy(rows, target, reduction="sum")
        shares = {"sum": 1, "by images": len(label), "all pixels": label.numel()}
        return total / shares.get(reduction, len(rows))

    model.train()
    loss = measure()
    if not clears_last:
        model.zero_grad()
    for _ in range(passes):
        loss.backward(retain_graph=retain)
    if clip:
        nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    for parameter in model.parameters():
        parameter.grad = None
    for group in optimizer.param_groups:
        group["lr"] *= slower
    if late:
        loss = measure()
    if ends_in_eval:
        model.eval()
    return loss.detach().numpy()


@given("00.6", "before the gradients are computed", order="step backward")
@given("00.6", "before the gradients are computed", order="clear step backward")
@given("00.6", "gone before the optimizer steps", order="clear backward clear step")
@given("00.6", "not by the optimizer that was handed over", order="clear backward own")
@given("00.6", "RuntimeError: element 0 of tensors", order="backward", grad=False)
@given(
    "00.6", "is there a return, on every path", order="clear backward step", back=False
)
@given("00.6", "one number for all pixels together, not tuple", order="", pair=True)
def train_step_of_another_order(
    model: nn.Module,
    image: Tensor,
    label: Tensor,
    optimizer: Optimizer,
    order: str,
    grad: bool = True,
    back: bool = True,
    pair: bool = False,
) -> Any:
    model.train()
    with torch.set_grad_enabled(grad):
        loss = F.cross_entropy(model(image), label, ignore_index=255)
    does = {
        "backward": loss.backward,
        "step": optimizer.step,
        "clear": optimizer.zero_grad,
        "own": SGD(model.parameters(), lr=0.01).step,
    }
    for name in order.split():
        does[name]()
    if pair:
        return loss.item(), 0
    return loss.item() if back else None


def test_weights_are_those_of_the_book() -> None:
    label = torch.tensor([[0, 0, 0, 0, 1, 255, 3, 3, 3]])
    ours = class_weights(torch.tensor([4, 1, 0, 3]))
    book = inverse_sqrt_frequency([(None, label)], num_classes=4)
    there = torch.tensor([0, 1, 3])
    torch.testing.assert_close(ours[there], book[there])


class TestAnswers(AnswersOfAChapter):
    given = given

    def test_every_exercise_has_two_right_answers(self) -> None:
        for number in self.given.numbers:
            assert sum(number == tried for tried, _ in self.given.right) >= 2, number
