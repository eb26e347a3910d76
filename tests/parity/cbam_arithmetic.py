"""Which ResNet and which unit the CBAM paper's cost figures mean.

The paper (arXiv 1807.06521, section 4.1) gives ResNet-50 3.858 and, with CBAM, 3.864
"GFLOPs". `table()` counts both networks, with both kinds of strides, live; and
`markdown()` prints what it finds, for a page of the book. Run me to see it.
"""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from simseg_core import create_model

PAPER_GIGA = {False: 3.858, True: 3.864}  # without CBAM, with CBAM


@dataclass(frozen=True)
class Row:
    """One network, counted.

    Attributes:
        depth: Of the ResNet.
        version: Where a bottleneck strides: `"v1"` first 1x1, `"v1.5"` 3x3.
        cbam: Whether a CBAM ends every residual branch.
        parameters: Learned numbers.
        macs: Multiply-accumulates of convolutions and matrix products, one image.
    """

    depth: int
    version: str
    cbam: bool
    parameters: int
    macs: int

    @property
    def flops(self) -> int:
        """A multiplication and an addition are two."""
        return 2 * self.macs

    @property
    def name(self) -> str:
        """Such as "ResNet-50 v1 + CBAM"."""
        return f"ResNet-{self.depth} {self.version}" + " + CBAM" * self.cbam


def count(version: str, *, cbam: bool, depth: int = 50, size: int = 224) -> Row:
    """Count one network on a size x size image, without computing it."""
    with torch.device("meta"):
        name = f"resnet{depth}" + ("_cbam" if cbam else "")
        model = create_model(name, num_classes=1000, version=version).eval()
        image = torch.empty(1, 3, size, size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    parameters = sum(p.numel() for p in model.parameters())
    return Row(depth, version, cbam, parameters, counter.get_total_flops() // 2)


def table(depth: int = 50) -> list[Row]:
    """Count the four networks: v1 and v1.5, without and with CBAM."""
    return [
        count(version, cbam=cbam, depth=depth)
        for version in ("v1", "v1.5")
        for cbam in (False, True)
    ]


def markdown(rows: list[Row]) -> str:
    """Set the rows as a table, beside what the paper prints."""
    lines = [
        '| network | parameters | GMACs | GFLOPs | paper\'s "GFLOPs" |',
        "|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        lines.append(
            f"| {row.name} | {row.parameters:,} | {row.macs / 1e9:.3f} "
            f"| {row.flops / 1e9:.3f} | {PAPER_GIGA[row.cbam]:.3f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown(table()))
