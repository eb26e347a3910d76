"""Exercise 08.2: the mean colour of each class."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import Steps

HELP = Help(
    read="A baseline",
    ask="Which pixels belong to class 2, whatever image they stand in? Over what is "
    "their mean taken, and which axis must be left over, so that a row has three "
    "numbers?",
    idea="Two images of three pixels, one channel for short. The first holds 2, 8 and "
    "5, labelled 0, 1 and void; the second 4, 6 and 1, labelled 1, 1 and 0. Class 1 "
    "has the pixels 8, 4 and 6: (8 + 4 + 6) / 3 = 6. Class 0 has 2 and 1: (2 + 1) / 2 "
    "= 1.5. The void 5 is in neither. (The mean of the images' means of class 1 would "
    "be 6.5, since 4 and 6 have the mean 5 and (8 + 5) / 2 = 6.5.) With colours it is "
    "the same for each of the three channels: bring the channels to the end, so that a "
    "pixel is a row of three numbers; pick the rows with the label; take the mean down "
    "the rows, class by class.",
)

VOID = 255


def mean_colors(answer: Callable[[Tensor, Tensor, int], Any], steps: Steps) -> None:
    """The mean colour of each class."""
    for C, shape, void, what in (
        (2, (1, 4, 6), False, "one image"),
        (3, (3, 5, 4), False, "several images"),
        (4, (3, 6, 5), True, "void left out"),
    ):
        images, labels = torch.rand(shape[0], 3, *shape[1:]), _draw(C, shape, void)
        call = f"mean_colors(images, labels, {C}) of {tuple(images.shape)}"
        got = steps.call(answer, images, labels, C, named=call)
        wanted = _means(images, labels, C)
        steps.equal(
            got,
            wanted,
            what,
            hint=f"{call}: row k is the mean, over all images, of the pixels that are "
            "labelled k.",
            mistakes=_slips(images, labels, C, wanted),
        )


def _draw(C: int, shape: tuple[int, ...], void: bool) -> Tensor:
    """Draw labels (B, H, W), classes of unequal share that differ by image."""
    share = torch.rand(shape[0], C) + 0.2
    labels = torch.multinomial(share, shape[1] * shape[2], replacement=True)
    labels = labels.view(shape)
    for image in labels:  # every class is in every image
        image.view(-1)[:C] = torch.arange(C)
    if void:
        labels[torch.rand(shape) < 0.3] = VOID
        labels.view(shape[0], -1)[:, :C] = torch.arange(C)
    return labels


def _means(images: Tensor, labels: Tensor, C: int) -> Tensor:
    pixels = images.movedim(1, -1)
    return torch.stack([pixels[labels == k].mean(dim=0) for k in range(C)])


def _slips(
    images: Tensor, labels: Tensor, C: int, wanted: Tensor
) -> list[tuple[str, Tensor]]:
    counts = torch.stack([(labels == k).sum() for k in range(C)])[:, None]
    each = torch.stack([_means(i[None], t[None], C) for i, t in zip(images, labels)])
    filled = labels.where(labels != VOID, 0)
    last = labels.where(labels != VOID, C - 1)
    slips = [
        (
            "Those are sums: divide by the number of the class's pixels.",
            wanted * counts,
        ),
        (
            "The sum over a class is divided by the pixels of all classes: divide by "
            "its own.",
            wanted * counts / labels.numel(),
        ),
        (
            "That is a mean of images' means: take all pixels of all images at once.",
            each.mean(dim=0),
        ),
        ("Void pixels pass for class 0: leave them out.", _means(images, filled, C)),
        ("Void pixels pass for the last class.", _means(images, last, C)),
    ]
    if C == 3:
        turned = wanted.T.contiguous()
        slips.append(("A row is a class, a column a colour channel.", turned))
    return slips
