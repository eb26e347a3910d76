"""Train, without labels, the encoder that `--pretrained` gives a small network.

    python benchmarks/pretrain_encoder.py [--steps 800]

The network is the small `unet_resnet18`. Its task is to guess the colours of a grey
picture (colourisation: Zhang, Isola, Efros 2016, arXiv 1603.08511; as there, a colour
is a class, and rare ones weigh more). The colours come with the picture, so nobody has
to label anything, and to guess them the network has to know sea from forest by texture
and shape.

The pictures are pieces of NASA's Blue Marble out of the sectors that `BlueMarble`
trains on; its validation and test sectors are never looked at, and no label is read. A
run takes a few minutes on one core, and ends in
`simseg_core/measured/earth_encoder.safetensors`. Chapter 08 shows what it is worth.
"""

import argparse
import datetime
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from simseg_core import create_model
from simseg_core.data import BlueMarble, normalize
from simseg_core.data.blue_marble import Tile, earth
from simseg_core.measured import FOLDER
from simseg_core.training import fit, inverse_sqrt_frequency
from simseg_core.training.randomness import seeded

OUT = FOLDER / "earth_encoder.safetensors"
MODEL, PRESET = "unet_resnet18", "small"
COLORS = 16
PIECES, SIDE, CROP = 1536, 96, 64  # pieces of the Earth; pixels a side
CONTRAST = 0.06  # least deviation of a piece's brightness: an empty sea teaches little


class Pieces(BlueMarble):
    """Pieces of the Earth, chosen without a look at the labels."""

    def tile(self, index: int) -> Tile:
        """Draw places until the picture there varies enough in brightness."""
        dice = self._dice(index)
        while True:
            tile = self._draw(dice)
            rows, columns = self._window(tile.top, tile.left)
            if earth()[0][rows, columns].mean(2).std() / 255 >= CONTRAST:
                return tile


def kinds_of_colors(images: Tensor, rng: torch.Generator, rounds: int = 15) -> Tensor:
    """Find the most typical colours by k-means: (B, 3, H, W) -> (COLORS, 3)."""
    pixels = images.movedim(1, -1).reshape(-1, 3)
    pixels = pixels[torch.randperm(len(pixels), generator=rng)[:20_000]]
    colors = pixels[:COLORS].clone()
    for _ in range(rounds):
        nearest = torch.cdist(pixels, colors).argmin(1)
        for k in range(COLORS):
            if (nearest == k).any():
                colors[k] = pixels[nearest == k].mean(0)
    return colors


class Colorization:
    """Pairs of a grey piece ``(3, CROP, CROP)`` and the numbers of its colours."""

    classes = tuple(f"colour {k}" for k in range(COLORS))

    def __init__(self, rng: torch.Generator) -> None:
        pieces = Pieces("train", size=SIDE, length=PIECES, seed=900, normalize=False)
        self.images = torch.stack([pieces[i][0] for i in range(PIECES)])
        colors = kinds_of_colors(self.images, rng)
        self.labels = torch.stack(
            [
                torch.cdist(image.flatten(1).T, colors).argmin(1).view(SIDE, SIDE)
                for image in self.images
            ]
        )

    def __len__(self) -> int:
        return PIECES

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Cut at a random place, flip both ways by chance, change the brightness."""
        top, left = torch.randint(SIDE - CROP + 1, (2,)).tolist()
        rows, columns = slice(top, top + CROP), slice(left, left + CROP)
        flips = [axis for axis in (-1, -2) if torch.rand(()) < 0.5]
        image = self.images[index, :, rows, columns].flip(flips)
        label = self.labels[index, rows, columns].flip(flips)
        light = 0.7 + 0.6 * torch.rand(())
        grey = (image.mean(0, keepdim=True) * light).clamp(0, 1).expand(3, -1, -1)
        return normalize(grey), label


def main(argv: list[str] | None = None) -> int:
    """Train, and store the encoder as 16-bit numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args(argv)
    data = Colorization(torch.Generator().manual_seed(asked.seed))
    with seeded(asked.seed):
        model = create_model(MODEL, preset=PRESET, num_classes=COLORS)
    history = fit(
        model,
        data,
        steps=asked.steps,
        batch_size=16,
        max_lr=4e-3,
        class_weights=inverse_sqrt_frequency(data),
        seed=asked.seed,
        device="cpu",
    )
    loss = sum(history.losses[-50:]) / len(history.losses[-50:])
    made = {
        "model": f"{MODEL}, preset {PRESET}, the encoder",
        "task": f"colourisation, {COLORS} colours, Blue Marble, {asked.steps} steps",
        "loss": f"{loss:.3f}",
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
    }
    weights = {
        name: t.half() if t.is_floating_point() else t
        for name, t in model.get_submodule("encoder").state_dict().items()
    }
    save_file(weights, asked.out, made)
    print(f"loss {loss:.3f}; {asked.out}: {asked.out.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
