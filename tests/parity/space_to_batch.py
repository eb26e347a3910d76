"""Atrous convolution a second way, TensorFlow's: pixels are sorted by the rate."""

from torch import Tensor
from torch.nn import functional as F

from simseg_core.models.atrous import check_atrous


def atrous_by_parts(x: Tensor, weight: Tensor, *, rate: int = 1) -> Tensor:
    """Convolve with holes by sorting the pixels into rate x rate maps without holes.

    (B, C, H, W), (D, C, k, k) -> (B, D, H, W). Pixels `rate` apart become neighbours in
    one small map; an ordinary convolution does the rest, and the pixels go home again.
    TensorFlow calls it space-to-batch. It pads H and W up to multiples of the rate, so
    that it computes a little more than equation 1 asks for.

    Args:
        x: The map.
        weight: A kernel whose height and width are odd, laid out as `nn.Conv2d`'s.
        rate: Distance between neighbouring taps, in pixels.

    Raises:
        TypeError: The rate is not an int.
        ValueError: The rate is below 1, or the shapes do not fit.
    """
    check_atrous(x, weight, rate)
    B, C, H, W = x.shape
    padded = F.pad(x, (0, -W % rate, 0, -H % rate))
    h, w = padded.shape[-2] // rate, padded.shape[-1] // rate
    # Row y is y // rate in map y % rate; columns alike. The maps join the batch.
    parts = padded.view(B, C, h, rate, w, rate).permute(3, 5, 0, 1, 2, 4)
    y = F.conv2d(
        parts.reshape(rate * rate * B, C, h, w),
        weight,
        padding=(weight.shape[-2] // 2, weight.shape[-1] // 2),
    )
    D = weight.shape[0]
    whole = y.view(rate, rate, B, D, h, w).permute(2, 3, 4, 0, 5, 1)
    return whole.reshape(B, D, h * rate, w * rate)[:, :, :H, :W]
