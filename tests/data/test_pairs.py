"""What is no pair of image and label is refused with the change that makes it one."""

import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import one_hot
from torch.utils.data import ConcatDataset, Dataset, Subset, random_split

from simseg_core.data.pairs import (
    class_names,
    ignored_label,
    label_tensor,
    stack_pairs,
)

IMAGE = torch.rand(3, 4, 6)
LABEL = torch.tensor([[0, 1, 2, 1, 0, 255]] * 4)


class Named(Dataset):
    """Pairs that name their classes and the label that does not count."""

    def __init__(self, *classes: str, ignore_index: int | None = 0) -> None:
        self.classes, self.ignore_index = classes, ignore_index

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return IMAGE, LABEL


class Wrapper(Dataset):
    """What people write around a data set: it holds the other one, and no more."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset


class SubsetWrapper(Dataset):
    """The same, as it is written to give the parts of a split other transforms."""

    def __init__(self, subset: Dataset) -> None:
        self.subset = subset


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "values",
    [
        LABEL.numpy()[:, ::-1].copy()[:, ::-1],
        LABEL.numpy().astype(">u2"),
        np.asarray(Image.fromarray(LABEL.byte().numpy())),  # read-only
        np.asfortranarray(LABEL.numpy()),
    ],
)
def test_arrays_are_taken_however_they_lie_in_memory(values) -> None:
    assert label_tensor(values).equal(LABEL)


@pytest.mark.parametrize(
    "label",
    [LABEL.byte(), LABEL.int(), LABEL.to(torch.uint16), LABEL.numpy().astype("uint16")],
)
def test_whole_numbers_of_every_type_are_class_numbers(label) -> None:
    assert label_tensor(label).equal(LABEL)
    assert label_tensor(label[None]).equal(LABEL)  # as torchvision reads masks
    assert label_tensor(LABEL == 1).sum() == 2 * 4  # True is class 1


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ((IMAGE, LABEL / 255), "whole class numbers, got torch.float32: ToTensor"),
        ((IMAGE, LABEL.double()), r"label.long\(\) says so"),
        ((IMAGE, LABEL[..., None]), r"got \(4, 6, 1\): .*label\[\.\.\., 0\]"),
        ((IMAGE, one_hot(LABEL % 3).permute(2, 0, 1)), r"argmax\(dim=0\)"),
        ((IMAGE, np.zeros((4, 6, 3), np.uint8)), "colours have to be replaced"),
        ((IMAGE.permute(1, 2, 0), LABEL), r"channels last: image.permute\(2, 0, 1\)"),
        ((IMAGE.permute(1, 2, 0).numpy(), LABEL), "channels last"),
        (((255 * IMAGE).byte(), LABEL), r"torch.uint8 .*image.float\(\) / 255"),
        ((IMAGE.to(torch.int16), LABEL), "greatest value .65535 for 16 bits"),
        ((IMAGE[None], LABEL[None]), r"\(1, 3, 4, 6\): give single pairs"),
        ((IMAGE, 1), "of type int. A label is .H, W., one class number a pixel"),
        ((IMAGE[0], LABEL), r"\(4, 6\): add the axis .*image\[None\]"),
        ((Image.new("RGB", (6, 4)), LABEL), r"PIL image.*transforms=as_tensors\(\)"),
        ((IMAGE, Image.new("L", (6, 4))), "the label is no tensor.*as_tensors"),
        ((IMAGE, (LABEL, LABEL)), "the label is no tensor .* tuple"),
        ({"image": IMAGE, "mask": LABEL}, "not a dict of 'image', 'mask': wrap it"),
        ((IMAGE, LABEL, 3), "pairs .*, not 3 values"),
        (IMAGE, "pairs .*, not one Tensor"),
        (None, "pairs .*, not one NoneType"),
    ],
)
def test_what_is_no_pair_is_told_what_it_lacks(item, told: str) -> None:
    fault = stack_pairs([item])
    assert isinstance(fault, TypeError | ValueError)
    assert re.search(told, str(fault)), fault


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ((IMAGE[:, :2], LABEL[:2]), r"images of \(3, 2, 6\) and \(3, 4, 6\)"),
        ((IMAGE[:1], LABEL), r"images of \(1, 4, 6\) and .*number of channels"),
        ((IMAGE, LABEL[:2]), r"labels of \(2, 6\) and \(4, 6\)"),
    ],
)
def test_pairs_of_several_sizes_make_no_batch(other, told: str) -> None:
    fault = stack_pairs([(IMAGE, LABEL), other])
    assert re.search(told, str(fault))
    assert "batch_size=1" in str(fault)
    assert "as_tensors(size)" in str(fault)


def test_a_batch_holds_plain_tensors_in_the_order_given() -> None:
    images, labels = stack_pairs([(IMAGE, LABEL), (IMAGE.numpy() * 0, LABEL * 0)])
    assert type(images) is type(labels) is torch.Tensor
    assert images.equal(torch.stack([IMAGE, IMAGE * 0]))
    assert labels.equal(torch.stack([LABEL, LABEL * 0]))


def test_parts_and_wrappers_say_what_their_data_set_says() -> None:
    whole = Named("road", "sky")
    part, rest = random_split(whole, [2, 4])
    for dataset in (
        whole,
        part,
        Subset(rest, [0]),
        Wrapper(part),
        SubsetWrapper(part),
        ConcatDataset([part, Subset(rest, [1]), whole]),
    ):
        assert class_names(dataset) == ("road", "sky")
        assert ignored_label(dataset) == 0


def test_what_is_said_in_the_call_takes_precedence() -> None:
    assert ignored_label(Named("a"), 7) == 7
    assert (
        ignored_label(ConcatDataset([Named("a"), Named("a", ignore_index=3)]), 7) == 7
    )


def test_a_data_set_that_says_nothing_has_the_usual_void() -> None:
    pairs = [(IMAGE, LABEL)]
    assert ignored_label(pairs) == ignored_label(Named("a", ignore_index=None)) == 255
    assert class_names(pairs) is None
    assert class_names(ConcatDataset([pairs, Named("a", "b")])) == ("a", "b")


def test_classes_that_are_no_names_are_left_out() -> None:
    """As in torchvision's Cityscapes, whose `classes` are tuples of eight facts."""
    cities = Named("a")
    cities.classes = [("road", 7, 0), ("sky", 23, 10)]
    assert class_names(cities) is None


@pytest.mark.parametrize("other", [Named("a", ignore_index=255), [(IMAGE, LABEL)]])
def test_parts_that_ignore_other_labels_are_refused(other) -> None:
    with pytest.raises(ValueError, match=r"\[0, 255\].*ignore_index="):
        ignored_label(ConcatDataset([Named("a"), other]))


def test_parts_that_name_other_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'cat'.*'dog'.*classes="):
        class_names(ConcatDataset([Named("cat"), Named("dog")]))
