"""DeepLabV3 equals torchvision's, and takes the weights that torchvision publishes."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet50
from torchvision.models.segmentation import (
    DeepLabV3_ResNet50_Weights,
    deeplabv3_resnet50,
    deeplabv3_resnet101,
    fcn_resnet50,
)
from torchvision.models.segmentation.deeplabv3 import ASPP as TheirASPP, DeepLabHead

from simseg_core import create_model
from simseg_core.convert import DEEPLABV3, load_torchvision, rename
from simseg_core.models.aspp import ASPP
from simseg_core.models.deeplabv3 import DeepLabV3
from tests.parity.compare import (
    assert_close,
    assert_same_function,
    gradients,
    shaken,
)

LIKE_TORCHVISION = {"head": "torchvision", "output_stride": 8, "multi_grid": None}


def peer(build=deeplabv3_resnet50, **options: object) -> nn.Module:
    return shaken(build(weights=None, weights_backbone=None, **options))


def ours(name: str = "deeplabv3_resnet50", **options: object) -> nn.Module:
    return create_model(name, **{**LIKE_TORCHVISION, **options}).double().eval()


@pytest.mark.parametrize("size", [(33, 33), (9, 14)])
def test_aspp_equals_torchvision(size: tuple[int, int]) -> None:
    theirs = shaken(TheirASPP(24, [2, 4, 6, 9], 8))
    aspp = ASPP(24, 8, rates=(2, 4, 6, 9)).double().eval()
    tensors = theirs.state_dict().values()  # both list branches in order
    aspp.load_state_dict(dict(zip(aspp.state_dict(), tensors, strict=True)))
    x = torch.randn(2, 24, *size, dtype=torch.float64)
    assert_same_function(
        gradients(aspp, x, aspp.parameters()),
        gradients(theirs, x, theirs.parameters()),
    )


def test_deeper_logits_equal_torchvision() -> None:
    theirs = peer(deeplabv3_resnet101)
    model = ours("deeplabv3_resnet101")
    load_torchvision(model, theirs.state_dict())
    x = torch.randn(1, 3, 65, 90, dtype=torch.float64)
    with torch.no_grad():
        assert_close(model(x), theirs(x)["out"])


def test_logits_and_gradients_equal_torchvision() -> None:
    theirs = peer()
    model = ours()
    load_torchvision(model, theirs.state_dict())
    x = torch.randn(1, 3, 41, 33, dtype=torch.float64)
    named = dict(model.named_parameters())
    names = [rename(name, DEEPLABV3) for name, _ in theirs.named_parameters()]
    assert len(set(names)) == len(names) == len(named)
    assert_same_function(
        gradients(model, x, [named[name] for name in names]),
        gradients(lambda x: theirs(x)["out"], x, theirs.parameters()),
    )


# --- published weights --------------------------------------------------------------


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    """What torchvision publishes, but at random: with the auxiliary classifier."""
    torch.manual_seed(0)
    return peer(aux_loss=True).float().state_dict()


def test_published_file_is_taken_and_the_auxiliary_classifier_left_out(
    published: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / Path(weights.url).name
    cached.parent.mkdir(parents=True)
    torch.save(published, cached)
    assert any(key.startswith("aux_classifier.") for key in published)
    theirs = peer(aux_loss=True)
    theirs.load_state_dict(published)
    model = ours()
    load_torchvision(model, weights)
    x = torch.randn(1, 3, 40, 57, dtype=torch.float64)
    with torch.no_grad():
        assert_close(model(x), theirs(x)["out"])


def test_at_output_stride_16_the_backbone_gives_the_same_values(
    published: dict[str, Tensor],
) -> None:
    dense, sparse = ours(), ours(output_stride=16)
    for model in (dense, sparse):
        load_torchvision(model, published)
    x = torch.randn(1, 3, 40, 57, dtype=torch.float64)
    with torch.no_grad():
        assert_close(sparse.encoder(x)[-1], dense.encoder(x)[-1][..., ::2, ::2])


def test_each_setting_that_would_change_the_logits_is_refused(
    published: dict[str, Tensor],
) -> None:
    for options, has, want in [
        ({"head": "paper"}, "head='paper'", "head='torchvision'"),
        ({"multi_grid": (1, 2, 4)}, r"multi_grid=\(1, 2, 4\)", "multi_grid=None"),
        ({"align_corners": True}, "align_corners=True", "align_corners=False"),
        ({"rates": (6, 12, 18)}, r"rates=\(6, 12, 18\)", r"rates=\(12, 24, 36\)"),
    ]:
        with torch.device("meta"):
            model = DeepLabV3(**{**LIKE_TORCHVISION, **options})
        with pytest.raises(ValueError, match=f"has {has}, .* build it with {want}"):
            load_torchvision(model, published)


def state(build, **options: object) -> dict[str, Tensor]:
    with torch.device("meta"):
        return build(**options).state_dict()


def test_wrong_checkpoint_is_named_by_its_keys_and_by_what_it_looks_like() -> None:
    bare = {"weights": None, "weights_backbone": None}
    checkpoints = [
        (state(resnet50), r"missing \(aspp\.branches", r"torchvision's resnet50: a ba"),
        (
            state(fcn_resnet50, **bare),
            r"missing \(aspp\.bra",
            r"torchvision's fcn_resnet50\b",
        ),
        (
            state(deeplabv3_resnet101, **bare),
            r"unknown \(encoder\.stages\.2\.10\.",
            r"torchvision's deeplabv3_resnet101\b",
        ),
        (
            state(DeepLabHead, in_channels=8, num_classes=2),
            r"unknown \(0\.convs\.0\.0\.weight",
            r"no ResNet of torchvision's \(it holds 0\.convs",
        ),
        (state(DeepLabV3), r"missing \(refine", "this book: use model.load_state_dict"),
    ]
    with torch.device("meta"):
        model = DeepLabV3(**LIKE_TORCHVISION)
    for checkpoint, keys, guess in checkpoints:
        with pytest.raises(ValueError, match=guess) as caught:
            load_torchvision(model, checkpoint)
        assert caught.match(keys)
        assert caught.match("not one of this network")


def test_other_number_of_classes_is_refused_by_shape() -> None:
    checkpoint = state(
        deeplabv3_resnet50, weights=None, weights_backbone=None, num_classes=3
    )
    with torch.device("meta"):
        model = DeepLabV3(**LIKE_TORCHVISION)
    with pytest.raises(ValueError, match=r"classify\.weight \(3, 256, 1, 1\) for \(21"):
        load_torchvision(model, checkpoint)
