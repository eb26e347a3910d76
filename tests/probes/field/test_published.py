"""The recursion against published figures, on networks that are not ours."""

import pytest
import timm
import torch
import torchvision.models as zoo
from pytorchcv.model_provider import get_model

from simseg_core import create_model
from simseg_core.probes import receptive_field


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("resnet18", {"layer4": 435}),
        ("resnet34", {"layer4": 899}),
        ("resnet50", {"layer1": 35, "layer2": 91, "layer3": 267, "layer4": 427}),
        ("resnet101", {"layer4": 971}),
        ("alexnet", {"features": 195}),
        ("vgg16", {"features": 212}),
    ],
)
def test_torchvision_networks_have_the_published_sizes(name, sizes):
    with torch.device("meta"):
        model = getattr(zoo, name)()
    field = receptive_field(model, (3, 224, 224))
    assert {path: field[path].size for path in sizes} == {
        path: (size, size) for path, size in sizes.items()
    }


@pytest.mark.parametrize(
    ("depth", "sizes"), [(50, [35, 99, 291, 483]), (101, [1027]), (152, [1507])]
)
def test_resnet_v1_strides_elsewhere_and_sees_more(depth, sizes):
    with torch.device("meta"):
        model = get_model(f"resnet{depth}")
    field = receptive_field(model, (3, 224, 224))
    last = 5 - len(sizes)
    assert [
        field[f"features.stage{stage}"].rows.size for stage in range(last, 5)
    ] == sizes


def test_mobilenet_has_the_published_size():
    with torch.device("meta"):
        mobile = receptive_field(get_model("mobilenet_w1"), (3, 224, 224))
    assert mobile["features.stage5"].size == (315, 315)


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_xception_has_the_published_size_at_any_output_stride(stride):
    with torch.device("meta"):
        model = timm.create_model(
            "xception65", features_only=True, output_stride=stride
        )
    last = list(receptive_field(model, (3, 129, 129)).outputs.values())[-1]
    assert last.size == (1915, 1915)
    assert last.rows.stride == stride


@pytest.mark.parametrize(
    ("replaced", "stride"),
    [((False, False, False), 32), ((False, False, True), 16), ((False, True, True), 8)],
)
def test_dilating_instead_of_striding_keeps_the_field(replaced, stride):
    with torch.device("meta"):
        model = zoo.resnet50(replace_stride_with_dilation=list(replaced))
    field = receptive_field(model, (3, 224, 224))["layer4"]
    assert (field.rows.size, field.rows.stride) == (427, stride)


def test_valid_unet_alternates_between_two_sizes():
    model = create_model("unet", preset="tiny", in_channels=1, num_classes=2)
    field = receptive_field(model, (1, 204, 220))
    assert field["contract.4"].size == (140, 140)
    assert field.size == (None, None)
    assert field.rows.period == 16
    assert field.rows.stride == 1
    # No padding: what is read lies within the image, and its ends are the corners.
    sizes = [b - a + 1 for a, b in zip(field.rows.first, field.rows.last)]
    assert sizes == [field.rows.phases[i % 16] for i in range(204 - 184)]
    assert set(sizes) == {188, 204}
    assert field.box((0, 0))[0][0] == 0
    assert field.box((4, 35)) == ((0, 203), (220 - 188, 219))
