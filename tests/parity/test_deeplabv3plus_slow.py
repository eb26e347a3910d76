"""DeepLabV3+ equals a slow rewrite of everything behind its encoder.

The encoders themselves are held against torchvision and timm, each in its own file.
"""

import pytest
import torch

from simseg_core.models.deeplabv3plus import DeepLabV3Plus
from tests.parity.compare import assert_same_function, gradients, shaken
from tests.parity.slow_deeplab import head

ENCODERS = {
    "resnet50": {"widths": (3, 4, 5, 6)},
    "xception65": {"widths": (3, 4, 5, 6, 7, 8, 9, 10)},
    "mobilenetv2": {"widths": (4, 3, 5, 6, 7, 8, 9, 10)},
}


@pytest.mark.parametrize(
    ("backbone", "output_stride", "separable", "align_corners"),
    [
        ("resnet50", 16, None, False),
        ("resnet50", 8, True, True),
        ("xception65", 16, None, True),
        ("mobilenetv2", 16, None, False),
        ("mobilenetv2", 32, False, True),
    ],
)
def test_logits_and_gradients_equal_the_rewrite(
    backbone, output_stride, separable, align_corners
) -> None:
    model = shaken(
        DeepLabV3Plus(
            backbone=backbone,
            output_stride=output_stride,
            separable=separable,
            align_corners=align_corners,
            num_classes=3,
            aspp_channels=5,
            narrow_channels=4,
            **ENCODERS[backbone],
        )
    )
    if separable is None:  # the paper's pairs
        separable = backbone != "resnet50"
    weights = {**model.state_dict(), **dict(model.named_parameters())}
    behind = [p for name, p in model.named_parameters() if not name.startswith("enc")]

    def slow(x):
        maps = model.encoder(x)
        low = maps[1] if backbone == "resnet50" else maps[0]
        return head(
            low,
            maps[-1],
            weights,
            size=x.shape[2:],
            rates=[rate * 16 // output_stride for rate in (6, 12, 18)],
            separable=separable,
            align_corners=align_corners,
        )

    x = torch.randn(1, 3, 41, 58, dtype=torch.float64)
    assert_same_function(gradients(model, x, behind), gradients(slow, x, behind))
