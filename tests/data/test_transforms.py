"""Transforms: image and label move together, and no class is invented."""

import pytest
import torch
from torchvision.transforms import v2

from simseg_core.data import Street, augment, denormalize, normalize
from simseg_core.data.transforms import PairTransform


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


@pytest.mark.parametrize("image", [torch.rand(1, 4, 4), torch.ones(3, 4, 4).byte()])
def test_normalising_names_what_it_expects(image):
    with pytest.raises(ValueError, match=r"expected float images .*image\.float"):
        normalize(image)
