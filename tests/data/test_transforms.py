"""Transforms: image and label move together, and no class is invented."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets, tv_tensors
from torchvision.transforms import v2

from simseg_core.data import Street, as_tensors, augment, denormalize, normalize
from simseg_core.data.transforms import PairTransform
from simseg_core.training import evaluate, fit


def pair():
    """An image whose grey tells the label: k / 4 for class k, white for 255."""
    label = torch.tensor([[0, 1, 2, 3], [3, 2, 255, 0]]).repeat_interleave(16, 0)
    label = label.repeat_interleave(16, 1)
    grey = torch.where(label == 255, 4, label) / 4
    return grey.expand(3, -1, -1).clone(), label


def inner(label):
    """Pixels whose eight neighbours share their class: no resize has mixed them."""
    windows = label.unfold(0, 3, 1).unfold(1, 3, 1).flatten(2)
    return (windows == windows[..., :1]).all(-1)


@pytest.mark.parametrize("size", [24, (20, 40)])
def test_image_and_label_move_together(size):
    image, label = pair()
    transform = augment(size, jitter=0.0)
    moved_somewhere = set()
    for _ in range(20):
        moved, moved_label = transform(image, label)
        assert moved.shape[1:] == moved_label.shape
        assert moved_label.shape == ((24, 24) if size == 24 else size)
        assert type(moved) is type(moved_label) is torch.Tensor
        assert set(moved_label.unique().tolist()) <= {0, 1, 2, 3, 255}
        expected = torch.where(moved_label == 255, 4, moved_label) / 4
        sure = torch.zeros_like(moved_label, dtype=torch.bool)
        sure[1:-1, 1:-1] = inner(moved_label)
        wrong = ((moved[0] - expected).abs() > 0.13) & sure
        assert wrong.float().mean() < 0.05
        moved_somewhere.add(moved_label[0, 0].item())
    assert len(moved_somewhere) > 1  # chance was at work


def test_flips_are_certain_or_never():
    image, label = pair()
    whole = {"scale": (1.0, 1.0), "jitter": 0.0}
    never = PairTransform(v2.RandomHorizontalFlip(0.0))(image, label)
    assert torch.equal(never[1], label)
    flips = [augment((32, 64), flip=p, **whole) for p in (0.0, 1.0)]
    torch.manual_seed(0)
    _, straight = flips[0](image, label)
    torch.manual_seed(0)
    _, turned = flips[1](image, label)
    assert torch.equal(turned, straight.flip(-1))


def test_colour_jitter_changes_colours_only():
    image, label = pair()
    jitter = PairTransform(v2.ColorJitter(0.5, 0.5, 0.5, 0.1))
    changed, same = jitter(image * 0.8, label)
    assert torch.equal(same, label)
    assert not torch.allclose(changed, image * 0.8, atol=0.02)
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_a_normalised_image_is_refused():
    with pytest.raises(ValueError, match="transform first, normalize last"):
        augment(32)(*Street(size=48)[0])


def test_a_pair_of_two_sizes_is_refused():
    with pytest.raises(ValueError, match="differ in size"):
        augment(32)(torch.rand(3, 8, 8), torch.zeros(8, 9).long())


def test_normalising_by_hand():
    image = torch.tensor([0.485 + 0.229, 0.456, 0.406 - 2 * 0.225]).view(3, 1, 1)
    expected = torch.tensor([1.0, 0.0, -2.0]).view(3, 1, 1)
    torch.testing.assert_close(normalize(image), expected, atol=1e-6, rtol=0)
    batch = torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(denormalize(normalize(batch)), batch)


def test_normalising_names_what_it_expects():
    with pytest.raises(ValueError, match=r"expected float images .*image\.float"):
        normalize(torch.ones(3, 4, 4).byte())
    grey = torch.rand(1, 4, 4)
    with pytest.raises(
        ValueError, match=r"expected float images .*expand\(3, -1, -1\)"
    ):
        normalize(grey)
    assert normalize(grey.expand(3, -1, -1)).shape == (3, 4, 4)


def pil_pair():
    """A photo whose red counts the columns, and a palette mask of 0, 1 and void."""
    photo, numbers = np.zeros((8, 6, 3), np.uint8), np.zeros((8, 6), np.uint8)
    photo[..., 0] = np.arange(6)
    numbers[:, 2:], numbers[:, -1] = 1, 255
    mask = Image.fromarray(numbers, mode="P")
    mask.putpalette([7] * 768)  # one colour for all: the numbers count
    return Image.fromarray(photo), mask, torch.from_numpy(numbers).long()


def test_pil_pairs_become_what_training_takes():
    photo, mask, numbers = pil_pair()
    image, label = as_tensors()(photo, mask)
    assert type(image) is type(label) is torch.Tensor
    assert image.shape == (3, 8, 6)
    torch.testing.assert_close(image[0, 0] * 255, torch.arange(6.0))
    assert label.equal(numbers)
    normal, _ = as_tensors(normalize=True)(photo, mask)
    torch.testing.assert_close(normal, normalize(image))


def test_the_same_pair_in_every_form_is_the_same():
    photo, mask, numbers = pil_pair()
    wanted = as_tensors()(photo, mask)
    bytes_ = torch.from_numpy(np.array(photo)).permute(2, 0, 1)
    for image, label in (
        (np.array(photo), np.array(mask)),
        (np.array(photo, np.float32) / 255, numbers.numpy()),
        (bytes_, numbers.int()),
        (bytes_.numpy(), numbers),  # channels first
        (tv_tensors.Image(bytes_), tv_tensors.Mask(numbers)),
        (photo.convert("RGBA"), mask),
    ):
        for one, other in zip(as_tensors()(image, label), wanted):
            assert type(one) is torch.Tensor
            torch.testing.assert_close(one, other)
    grey, _ = as_tensors()(photo.convert("L"), mask)
    assert grey.shape == (3, 8, 6)


def test_a_size_resizes_both_and_mixes_no_class():
    image, label = as_tensors((16, 18))(*pil_pair()[:2])
    assert image.shape == (3, 16, 18)
    assert label.equal(pil_pair()[2].repeat_interleave(2, 0).repeat_interleave(3, 1))
    assert as_tensors(5)(*pil_pair()[:2])[1].shape == (5, 5)


@pytest.mark.parametrize("transform", [as_tensors(), augment(8)])
def test_pairs_that_cannot_be_read_are_refused(transform):
    photo, mask, numbers = pil_pair()
    with pytest.raises(ValueError, match="more than 8 bits"):
        transform(Image.new("I;16", (6, 8)), mask)
    with pytest.raises(ValueError, match="colours have to be replaced"):
        transform(photo, photo)
    with pytest.raises(ValueError, match="whole class numbers"):
        transform(photo, numbers / 255)
    with pytest.raises(ValueError, match="differ in size"):
        transform(photo, Image.new("L", (6, 7)))
    with pytest.raises(TypeError, match=r"the label is no tensor .* dict"):
        transform(photo, {"mask": mask})


def test_the_remedy_for_values_and_axes_is_the_one_that_helps():
    image, label = torch.rand(3, 8, 6), torch.zeros(8, 6).long()
    with pytest.raises(ValueError, match=r"not 0 to 1: divide by .*255 for 8 bits"):
        as_tensors()(255 * image, label)
    with pytest.raises(ValueError, match=r"channels last: image\.permute\(2, 0, 1\)"):
        as_tensors()(image.permute(1, 2, 0), label)
    with pytest.raises(ValueError, match=r"uint16 .*65535 for 16 bits"):
        as_tensors()((65535 * image).to(torch.uint16), label)
    rounded = image.clamp(max=1) + 1e-6  # what a resize makes of white
    assert as_tensors()(rounded, label)[0].equal(rounded)
    assert as_tensors()(image.double(), label)[0].dtype == torch.float32


def test_arrays_are_read_however_they_lie_in_memory():
    photo, mask, _ = pil_pair()
    pixels, numbers = np.asarray(photo), np.asarray(mask)  # read-only
    right = as_tensors()(photo, mask)
    for image, label in (
        (pixels[:, ::-1].copy()[:, ::-1], numbers[::-1].copy()[::-1]),
        (pixels, numbers),
        ((pixels / 255).astype(">f4"), numbers.astype(">i4")),
    ):
        found = as_tensors()(image, label)
        torch.testing.assert_close(found[0], right[0])
        assert found[1].equal(right[1])


@pytest.mark.parametrize("size", [0, (8, -1), 8.0, (8, 8, 8), "8"])
def test_sizes_that_are_none_are_named(size):
    for build in (as_tensors, augment, lambda size: Street(size=size)):
        with pytest.raises((TypeError, ValueError), match=r"^size="):
            build(size)
    assert as_tensors(np.int64(5))(*pil_pair()[:2])[1].shape == (5, 5)


def put(root, path, image):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    image.save(root / path)


def voc(root, **options):
    base = root / "VOCdevkit" / "VOC2012"
    for name in "abcd":
        put(base, f"JPEGImages/{name}.jpg", pil_pair()[0])
        put(base, f"SegmentationClass/{name}.png", pil_pair()[1])
    (base / "ImageSets" / "Segmentation").mkdir(parents=True)
    (base / "ImageSets" / "Segmentation" / "train.txt").write_text("a\nb\nc\nd\n")
    return datasets.VOCSegmentation(root, image_set="train", **options)


def pets(root, **options):
    base = root / "oxford-iiit-pet"
    for name in ("Beagle_1", "Beagle_2", "Bengal_1"):
        put(base, f"images/{name}.jpg", pil_pair()[0])
        trimap = Image.fromarray((pil_pair()[2].numpy() % 3 + 1).astype(np.uint8))
        put(base, f"annotations/trimaps/{name}.png", trimap)
    listed = "Beagle_1 1 2 1\nBeagle_2 1 2 1\nBengal_1 2 1 1\n"
    (base / "annotations" / "trainval.txt").write_text(listed)
    return datasets.OxfordIIITPet(root, target_types="segmentation", **options)


def cities(root, **options):
    for name in ("a_000000_000001", "a_000000_000002"):
        put(root, f"leftImg8bit/train/a/{name}_leftImg8bit.png", pil_pair()[0])
        mask = Image.fromarray(pil_pair()[2].byte().numpy())
        put(root, f"gtFine/train/a/{name}_gtFine_labelIds.png", mask)
    return datasets.Cityscapes(root, target_type="semantic", **options)


@pytest.mark.parametrize("build", [voc, pets, cities])
@pytest.mark.parametrize("transform", [as_tensors(), augment(8, normalize=True)])
def test_data_sets_of_torchvision_train_and_score(build, transform, tmp_path):
    dataset = build(tmp_path, transforms=transform)
    model = torch.nn.Conv2d(3, 4, 1)
    options = {"batch_size": 2, "device": "cpu"}
    assert len(fit(model, dataset, steps=2, progress=False, **options).losses) == 2
    names = ["none", "one", "two", "three"]
    scores = evaluate(model, dataset, classes=names, **options)
    assert list(scores.iou) == names
    assert 0 <= scores.pixel_accuracy <= 1


def test_data_sets_that_torchvision_wraps_train_too(tmp_path):
    dataset = datasets.wrap_dataset_for_transforms_v2(
        voc(tmp_path, transforms=augment(8))
    )
    fit(torch.nn.Conv2d(3, 2, 1), dataset, steps=1, device="cpu", progress=False)


def test_without_the_adapter_it_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"PIL image.*transforms=as_tensors\(\)"):
        evaluate(torch.nn.Conv2d(3, 2, 1), voc(tmp_path), device="cpu")


def test_names_of_something_else_can_be_replaced(tmp_path):
    """OxfordIIITPet's `classes` are breeds."""
    breeds = pets(tmp_path, transforms=as_tensors())
    with pytest.raises(ValueError, match=r"names 2: .*or say classes= with 4 names"):
        evaluate(torch.nn.Conv2d(3, 4, 1), breeds, device="cpu")
