"""The valid U-Net of the paper's figure 1."""

import torch

from simseg_core.models.unet import center_crop


def test_crop_is_central_on_both_axes() -> None:
    # Value = 100 row + column, so that a crop tells where it was taken.
    x = (100 * torch.arange(9)[:, None] + torch.arange(13)).float()[None, None]
    y = center_crop(x, (5, 3))
    assert y.shape == (1, 1, 5, 3)
    assert y[0, 0, 0, 0] == 205
    assert y[0, 0, -1, -1] == 607
