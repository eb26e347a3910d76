"""Sign scenes: whole discs, labelled by a rim that nothing else depends on."""

import numpy as np
import pytest
import torch
from scipy.ndimage import label as connected

from simseg_core.data import OKABE_ITO, Signs, depth_from_edge, signs
from simseg_core.data.signs import LARGEST, RIMS, SMALLEST


def discs(label):
    """Yield class and pixels of each connected region that is not background."""
    regions, count = connected(label.numpy() > 0)
    for region in range(1, count + 1):
        inside = regions == region
        yield np.unique(label.numpy()[inside]), inside


@pytest.mark.parametrize("size", [96, (96, 144)])
def test_each_region_is_one_whole_disc_of_one_class(size):
    data = Signs(size=size, length=60)
    diameters, counts = [], []
    for index in range(60):
        label = data[index][1]
        found = list(discs(label))
        counts.append(len(found))
        for classes, inside in found:
            assert len(classes) == 1
            rows, columns = np.nonzero(inside)
            high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
            assert abs(high - wide) <= 1
            diameters.append(max(high, wide))
            least, most = (np.pi * (diameters[-1] - d) ** 2 / 4 for d in (1, -1))
            assert least < inside.sum() < most
            assert rows.min() > 0
            assert columns.min() > 0
            assert rows.max() < label.shape[0] - 1
            assert columns.max() < label.shape[1] - 1
    assert min(diameters) >= SMALLEST - 1
    assert max(diameters) <= LARGEST + 1
    assert min(diameters) < 16
    assert max(diameters) > 80
    assert min(counts) == 1
    assert max(counts) >= 3


def test_classes_are_equally_common():
    data = Signs(size=64, length=200)
    seen = [c[0] for i in range(200) for c, _ in discs(data[i][1])]
    counts = np.bincount(seen, minlength=4)
    assert counts[0] == 0
    assert counts[1:].min() > 0.26 * counts.sum()


def test_rims_have_their_classes_colour():
    data = Signs(size=96, length=30, normalize=False)
    colors = torch.tensor([OKABE_ITO[name] for name in RIMS]) / 255
    for index in range(30):
        image, label = data[index]
        rim = (
            (label > 0) & (depth_from_edge(label) > 1) & (depth_from_edge(label) < 2.1)
        )
        for kind in label.unique()[1:].tolist():
            mean = image[:, rim & (label == kind)].mean(1)
            hue = mean / mean.norm()
            likeness = (colors / colors.norm(dim=1, keepdim=True)) @ hue
            assert likeness.argmax().item() == kind - 1


def test_other_rims_change_nothing_but_the_rims(monkeypatch):
    """Deep inside a disc nothing tells its class, by construction."""
    data = Signs(size=96, length=30, normalize=False)
    before = [data[i] for i in range(30)]
    monkeypatch.setattr(signs, "RIMS", RIMS[1:] + RIMS[:1])
    changed_anywhere = False
    for index, (image, label) in enumerate(before):
        recolored, same_label = data[index]
        changed = (image != recolored).any(0)
        changed_anywhere |= changed.any().item()
        assert torch.equal(label, same_label)
        # 9 % of the largest radius, and one pixel of the border on either side.
        assert (depth_from_edge(label)[changed] <= 0.09 * LARGEST / 2 + 2).all()
    assert changed_anywhere


def brute_force_depth(label):
    rows, columns = np.indices(label.shape)
    depth = np.full(label.shape, np.inf)
    for y, x in np.ndindex(*label.shape):
        other = label != label[y, x]
        if other.any():
            depth[y, x] = np.hypot(rows - y, columns - x)[other].min()
    return depth


def test_depth_from_edge_is_the_distance_to_another_class():
    label = torch.from_numpy(np.random.default_rng(0).integers(0, 3, (6, 5)))
    label = label.repeat_interleave(3, 0).repeat_interleave(3, 1)
    expected = brute_force_depth(label.numpy())
    np.testing.assert_allclose(depth_from_edge(label).numpy(), expected, rtol=1e-6)


def test_depth_of_a_batch_is_depth_of_each():
    label = torch.zeros(2, 8, 9, dtype=torch.long)
    label[1, :, 5:] = 1
    depth = depth_from_edge(label)
    assert depth.shape == (2, 8, 9)
    assert torch.isinf(depth[0]).all()  # one class only: no edge
    assert depth[1, 0].tolist() == [5, 4, 3, 2, 1, 1, 2, 3, 4]


def test_depth_refuses_logits():
    with pytest.raises(ValueError, match=r"label is \(H, W\) or \(B, H, W\)"):
        depth_from_edge(torch.zeros(1, 3, 8, 8))


def test_there_are_deep_pixels_to_measure_on():
    label = torch.stack([Signs(length=60)[i][1] for i in range(60)])
    deep = (label > 0) & (depth_from_edge(label) > 20)
    assert deep.float().mean() > 0.01
