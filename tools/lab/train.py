"""Train the lab's networks: the chapters' own, with more steps.

Chapter 03 stops after 200 steps, where the network without skips has hardly learned
some of the large classes. After 1,000 it is a trained network, and what still goes
wrong is what it cannot draw.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from simseg_core import create_model
from simseg_core.data import Signal, Signs, Street
from simseg_core.data.compose.scenes import SceneDataset
from simseg_core.models.aspp import ASPP
from simseg_core.models.attention import SelfAttention2d
from simseg_core.models.cbam import CBAM
from simseg_core.models.layers import conv_bn_relu, init_he
from simseg_core.training import fit, inverse_sqrt_frequency

__all__ = [
    "SIDE",
    "SIGNS_SIDE",
    "STEPS",
    "attending",
    "attention_network",
    "decoder_network",
    "gates_network",
    "gating",
    "pooling",
    "signs_networks",
    "street_networks",
]

SIDE, STEPS, SEED = 64, 1000, 0
SIGNS_SIDE, SIGNS_STEPS = 96, 300  # chapter 04 shows its finding after 150


def street_networks(kept: Path) -> dict[str, nn.Module]:
    """Train chapter 03's residual U-Net, with and without skips."""
    scenes = Street("train", size=SIDE)
    weights = inverse_sqrt_frequency(scenes)
    return {
        name: _trained(
            kept / f"street-{name}.pt", partial(_unet, skips), scenes, weights
        )
        for name, skips in {"with": True, "without": False}.items()
    }


def decoder_network(kept: Path) -> nn.Module:
    """Train chapter 05's DeepLabV3+."""
    scenes = Street("train", size=SIDE)
    weights = inverse_sqrt_frequency(scenes)
    return _trained(kept / "decoder.pt", _deeplab, scenes, weights)


def attention_network(kept: Path) -> nn.Module:
    """Train chapter 01's network."""
    scenes = Signal("train", size=SIDE)
    weights = torch.tensor([0.5, 1.25, 1.25])  # as in the chapter
    return _trained(kept / "signal.pt", attending, scenes, weights)


def gates_network(kept: Path) -> nn.Module:
    """Train chapter 02's network, on the scenes of chapter 01's."""
    scenes = Signal("train", size=SIDE)
    weights = inverse_sqrt_frequency(scenes)  # as in the chapter
    return _trained(kept / "gates.pt", gating, scenes, weights)


def signs_networks(kept: Path) -> dict[str, nn.Module]:
    """Train chapter 04's: one 3x3 of rate 1, 2 or 4, or ASPP, behind the same trunk."""
    scenes = Signs("train", size=SIGNS_SIDE, length=1200)
    weights = inverse_sqrt_frequency(scenes)
    return {
        name: _trained(
            kept / f"signs-{name}.pt",
            partial(pooling, name),
            scenes,
            weights,
            steps=SIGNS_STEPS,
        )
        for name in ("1", "2", "4", "aspp")
    }


def pooling(rate: str, width: int = 24) -> nn.Module:
    """Build one of chapter 04's networks: (B, 3, H, W) -> logits (B, 4, H, W)."""
    network = nn.Sequential(
        *(conv_bn_relu(c, width, stride=2) for c in (3, width, width)),
        ASPP(width, width, rates=(2, 4, 8))
        if rate == "aspp"
        else conv_bn_relu(width, width, dilation=int(rate)),
        nn.Conv2d(width, len(Signs.classes), 1),
        nn.Upsample(scale_factor=8, mode="bilinear"),
    )
    init_he(network)
    return network


def _unet(skips: bool) -> nn.Module:
    network = create_model("unet_residual", preset="small", num_classes=6, skips=skips)
    return network.to(memory_format=torch.channels_last)  # faster on CPU


def _deeplab() -> nn.Module:
    network = create_model("deeplabv3plus_resnet50", preset="small", num_classes=6)
    return network.to(memory_format=torch.channels_last)


def gating() -> nn.Module:
    """Build chapter 02's network: (B, 3, H, W) -> logits (B, 3, H, W)."""
    network = nn.Sequential(
        conv_bn_relu(3, 16, stride=2),
        conv_bn_relu(16, 32, stride=2),
        conv_bn_relu(32, 48, stride=2),
        conv_bn_relu(48, 48),
        CBAM(48, reduction=2),
        nn.Conv2d(48, len(Signal.classes), 1),
        nn.Upsample(scale_factor=8, mode="bilinear"),
    )
    init_he(network)
    return network


def attending() -> nn.Module:
    """Build chapter 01's network: (B, 3, H, W) -> logits (B, 3, H, W)."""
    return nn.Sequential(
        conv_bn_relu(3, 16, stride=2),
        conv_bn_relu(16, 32, stride=2),
        conv_bn_relu(32, 48, stride=2),
        SelfAttention2d(48),
        conv_bn_relu(48, 48),
        nn.Conv2d(48, len(Signal.classes), 1),
        nn.Upsample(scale_factor=8, mode="bilinear"),
    )


def _trained(
    kept: Path,
    build: Callable[[], nn.Module],
    scenes: SceneDataset,
    weights: Tensor,
    *,
    steps: int = STEPS,
) -> nn.Module:
    """Train a network, or take it as an earlier call kept it."""
    torch.manual_seed(SEED)
    network = build()
    if kept.exists():
        network.load_state_dict(torch.load(kept))
        return network.eval()
    composed = [scenes[index] for index in range(len(scenes))]  # composed once
    fit(network, composed, steps=steps, seed=SEED, class_weights=weights)
    kept.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), kept)
    return network
