"""Everything that a run was asked for, in one object to write, read and compare."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from simseg_core.data.files.mask_values import MaskValues
from simseg_core.data.transforms import AUGMENTATIONS
from simseg_core.runs.network import Network
from simseg_core.training.losses import LOSSES

__all__ = ["PRECISIONS", "Plan"]

PRECISIONS = ("float32", "float64")


@dataclass(frozen=True)
class Plan:
    """What a run trains, on what, and how. Two runs of one plan give the same weights.

    Attributes:
        data: what `simseg_core.data.open_source` opens, such as ``"folder:PATH"``; in
            Python also a data set of raw pairs, whose type's name stands here then.
        model, preset, options: the network, see `simseg_core.create_model`.
        classes, mask_values, ignore_index, mask_suffix, mask_orientation: of a folder,
            see `simseg_core.data.FolderDataset`.
        val_share: share of the pictures to validate on, where the data has no part of
            its own for that.
        split_seed: of which pictures these are; it is not `seed`, so that runs of
            several seeds are scored on the same ones.
        group: a regular expression of a picture's name: pictures whose match is alike
            stay on one side.
        lists: files that name the pictures of both sides, a name a line.
        steps: batches.
        batch_size: pictures a step, over all processes together.
        max_lr: peak of the one-cycle schedule; None is 0.006 for the presets small and
            tiny, and 0.001 for the paper's widths.
        loss: names of `LOSSES`, joined by ``+``.
        class_weights: whether a rare class's pixels count for more, by one over the
            square root of their number.
        crop: side of the squares that training cuts out, in pixels after `scale`; None
            takes whole pictures, which must then be of one size.
        scale: factor by which every picture is resized first; None brings the median
            picture's shorter side to 512 pixels if it is longer.
        augment: how crops are varied, one of `AUGMENTATIONS`.
        seed: of the weights, the pictures' order, the crops and dropout.
        amp: mixed precision.
        compile: whether torch.compile makes the network faster, after a wait.
        pretrained: whether the encoder starts from published weights.
        start_from: a run, or a file of weights, to start from.
        validate_every: steps between two validations; None is a tenth of the run.
        patience: validations without a better mean IoU before the run ends early; None
            never ends it.
        precision: of weights and images.
    """

    data: str
    model: str = "unet_residual"
    preset: str = "small"
    options: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    mask_values: MaskValues | None = None
    ignore_index: int | None = None
    mask_suffix: str = ""
    mask_orientation: str | None = None
    val_share: float = 0.2
    split_seed: int = 0
    group: str | None = None
    lists: tuple[str, str] | None = None
    steps: int = 1000
    batch_size: int = 8
    max_lr: float | None = None
    loss: str = LOSSES[0]
    class_weights: bool = False
    crop: int | None = 256
    scale: float | None = None
    augment: str = "photo"
    seed: int = 0
    amp: bool = False
    compile: bool = False
    pretrained: bool = False
    start_from: str | None = None
    validate_every: int | None = None
    patience: int | None = None
    precision: str = PRECISIONS[0]

    def __post_init__(self) -> None:
        for name in ("classes", "lists"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if isinstance(self.mask_values, Mapping):
            object.__setattr__(self, "mask_values", MaskValues(self.mask_values))
        self._check_types()
        self._check_values()

    def _check_types(self) -> None:
        for name, hint in get_type_hints(Plan).items():
            kinds = [get_origin(kind) or kind for kind in get_args(hint) or [hint]]
            kinds = [Mapping] if name == "options" else kinds
            kinds += [int] * (float in kinds)
            value = getattr(self, name)
            is_wrong_bool = isinstance(value, bool) and bool not in kinds
            if is_wrong_bool or not isinstance(value, tuple(kinds)):
                names = " or ".join(k.__name__ for k in kinds if k is not type(None))
                raise TypeError(f"{name}={value!r} must be {names}")

    def _check_values(self) -> None:
        at_least_one = (
            "steps", "batch_size", "crop", "validate_every", "patience"
        )  # fmt: skip
        for name in at_least_one:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value} must be 1 or more")
        for name in ("max_lr", "scale"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name}={value} must be above 0")
        if not 0 < self.val_share < 1:
            raise ValueError(
                f"val_share={self.val_share} must lie between 0 and 1: 0.2 keeps every "
                "fifth picture for validation"
            )
        chosen = {
            "precision": (self.precision, PRECISIONS),
            "augment": (self.augment, AUGMENTATIONS),
            **{f"loss {n!r}": (n, LOSSES) for n in self.losses},
        }
        for name, (value, known) in chosen.items():
            if value not in known:
                raise ValueError(
                    f"{name}: there is no {value!r}, but {', '.join(known)}"
                )
        if self.group is not None and self.lists is not None:
            raise ValueError("a split goes by group or by lists, not by both")
        if self.pretrained and self.start_from:
            raise ValueError(
                "the encoder's weights come from one place: pretrained or start_from"
            )
        if self.amp and self.precision == "float64":
            raise ValueError("mixed precision has no float64: leave one of both out")

    @property
    def losses(self) -> list[str]:
        """Names of the losses that are summed."""
        return self.loss.split("+")

    @property
    def peak(self) -> float:
        """Peak of the learning rate."""
        return self.max_lr or (1e-3 if self.preset == "paper" else 6e-3)

    @property
    def period(self) -> int:
        """Steps from one validation to the next."""
        return self.validate_every or max(1, self.steps // 10)

    def to_dict(self) -> dict[str, Any]:
        """Write it with JSON's types."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plain["options"] = dict(self.options)
        if self.mask_values is not None:
            plain["mask_values"] = self.mask_values.to_json()
        return json.loads(json.dumps(plain))

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Plan":
        """Read what `to_dict` wrote."""
        kept = dict(plain)
        if kept.get("mask_values") is not None:
            kept["mask_values"] = MaskValues.from_json(kept["mask_values"])
        return cls(**kept)

    @classmethod
    def read(cls, file: Path) -> "Plan":
        """Read the plan of a run from its ``run.json``.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if it is cut off, or of another version.
        """
        return cls._read(file, lambda about: cls.from_dict(about["plan"]))

    @classmethod
    def read_network(cls, file: Path) -> Network:
        """Read the network of a run from its ``run.json``; raises as `read` does."""
        return cls._read(file, lambda about: Network.from_dict(about["network"]))

    @staticmethod
    def _read(file: Path, part: Callable[[Any], Any]) -> Any:
        if not file.exists():
            remedy = "start it without --resume"
            if file.parent.is_dir() and any(file.parent.iterdir()):
                remedy = (
                    f"--start-from {file.parent}, in a new folder, uses its weights"
                )
            raise FileNotFoundError(
                f"{file.parent} holds no {file.name}, so there is nothing to resume: "
                f"{remedy}"
            )
        try:
            return part(json.loads(file.read_text("utf-8")))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{file} holds no plan of this version of simseg-core ({error}): start "
                "a new run, with --start-from if its weights are to be used"
            ) from error

    def check_same(self, asked: Mapping[str, Any], file: Path) -> None:
        """Refuse to go on with a run in another way than it was begun.

        Raises:
            ValueError: naming what differs.
        """
        other, mine = dataclasses.replace(self, **asked).to_dict(), self.to_dict()
        # Where the pictures lie may change; whether they are the same is looked at.
        other["data"] = mine["data"]
        different = [
            f"{n}={other[n]!r} and not {mine[n]!r}" for n in mine if other[n] != mine[n]
        ]
        if different:
            raise ValueError(
                f"the run in {file.parent} was begun otherwise (now "
                f"{'; '.join(different)}): leave these out to resume it, or start "
                f"another run, --start-from {file.parent}, in a new folder"
            )
