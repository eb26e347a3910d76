"""Published weights: torchvision's own networks, with random weights, stand in."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from simseg_core import create_model
from simseg_core.convert import load_torchvision


def shaken(model: nn.Module) -> nn.Module:
    """Give every BatchNorm statistics and weights that a wrong key would show."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return model


@pytest.fixture
def peer() -> nn.Module:
    torch.manual_seed(0)
    return shaken(torchvision.models.resnet18()).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 45, 70, generator=torch.Generator().manual_seed(1))


def ours() -> nn.Module:
    return create_model("resnet18", num_classes=1000).eval()


def test_state_dict_gives_torchvisions_logits(peer: nn.Module, images: Tensor) -> None:
    model = ours()
    load_torchvision(model, peer.state_dict())
    torch.testing.assert_close(model(images), peer(images))


def test_every_bottleneck_key_has_a_home(images: Tensor) -> None:
    peer = shaken(torchvision.models.resnet50()).eval()
    model = create_model("resnet50", num_classes=1000).eval()
    load_torchvision(model, peer.state_dict())
    torch.testing.assert_close(model(images), peer(images), rtol=1e-4, atol=1e-4)


def test_path(peer: nn.Module, images: Tensor, tmp_path: Path) -> None:
    torch.save(peer.state_dict(), tmp_path / "resnet18.pth")
    for path in (tmp_path / "resnet18.pth", str(tmp_path / "resnet18.pth")):
        model = ours()
        load_torchvision(model, path)
        torch.testing.assert_close(model(images), peer(images))


def test_weights_member_reads_torch_hubs_cache(
    peer: nn.Module, images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / Path(weights.url).name
    cached.parent.mkdir(parents=True)
    torch.save(peer.state_dict(), cached)
    model = ours()
    load_torchvision(model, weights)
    torch.testing.assert_close(model(images), peer(images))


def test_encoder_takes_all_but_the_classifier(peer: nn.Module, images: Tensor) -> None:
    model = create_model("unet_resnet18").eval()
    load_torchvision(model.encoder, peer.state_dict())
    peer.fc = nn.Identity()
    mean = model.encoder(images)[-1].mean(dim=(-2, -1))
    torch.testing.assert_close(mean, peer(images))


def test_dilated_network_takes_the_same_weights(peer: nn.Module) -> None:
    model = create_model("resnet18", num_classes=1000, output_stride=8)
    load_torchvision(model, peer.state_dict())
    torch.testing.assert_close(model.encoder.stem[0].weight, peer.conv1.weight)


def test_checkpoint_older_than_the_batch_counter(
    peer: nn.Module, images: Tensor
) -> None:
    old = {k: v for k, v in peer.state_dict().items() if "num_batches" not in k}
    model = ours()
    load_torchvision(model, old)
    torch.testing.assert_close(model(images), peer(images))


def test_other_depth_is_refused_and_nothing_is_loaded(peer: nn.Module) -> None:
    model = create_model("resnet34", num_classes=1000)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"missing \(encoder\.stages\.0\.2\..* more"):
        load_torchvision(model, peer.state_dict())
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_unknown_tensor_is_named(peer: nn.Module) -> None:
    state = {**peer.state_dict(), "head.weight": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"1 unknown \(head\.weight\)"):
        load_torchvision(ours(), state)


def test_other_number_of_classes_names_both_shapes(peer: nn.Module) -> None:
    fault = r"classify\.weight \(1000, 512\) for \(21, 512\)"
    with pytest.raises(ValueError, match=fault):
        load_torchvision(create_model("resnet18"), peer.state_dict())


def test_v1_strides_are_refused() -> None:
    # The tensors would fit, and the logits would be wrong without a word.
    model = create_model("resnet50", num_classes=1000, version="v1")
    with pytest.raises(ValueError, match=r'version="v1\.5"'):
        load_torchvision(model, torchvision.models.resnet50().state_dict())


def test_networks_without_a_conversion_say_what_to_pass(peer: nn.Module) -> None:
    with pytest.raises(TypeError, match=r"\.encoder of a UNetResNet"):
        load_torchvision(create_model("unet_resnet18"), peer.state_dict())


def test_weights_of_another_kind_are_refused() -> None:
    with pytest.raises(TypeError, match="a state_dict or a path, got int"):
        load_torchvision(ours(), 3)


def unchanged(model: nn.Module, before: dict[str, Tensor]) -> bool:
    return all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def refused(weights: object, error: type[Exception], message: str) -> None:
    """Require an error of one sentence, with its remedy, and an untouched network."""
    model = ours()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(error, match=message) as caught:
        load_torchvision(model, weights)
    told = str(caught.value)
    assert "\n" not in told
    assert "weights_only" not in told
    # Nor in what a notebook would print above it.
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert unchanged(model, before)


LAST = "layer4.1.bn2.weight"  # most tensors come before it


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.ones(512), TypeError, "got ndarray: convert it with torch.as_tensor"),
        ("conv", TypeError, "must be a plain tensor, got str"),
        (None, TypeError, "must be a plain tensor, got NoneType"),
        ([1.0] * 512, TypeError, "must be a plain tensor, got list"),
        (torch.ones(512, dtype=torch.int64), ValueError, "is torch.int64 where"),
        (torch.ones(512, dtype=torch.bool), ValueError, "is torch.bool where"),
        (torch.ones(512, dtype=torch.complex64), ValueError, "is torch.complex64"),
        (torch.ones(512, device="meta"), ValueError, "map_location='cpu'"),
        (torch.ones(512).to_sparse(), ValueError, r"with \.to_dense\(\)"),
        (torch.full((512,), float("nan")), ValueError, "holds NaN or infinity"),
        (torch.full((512,), -float("inf")), ValueError, "holds NaN or infinity"),
        (torch.full((512,), 1e300, dtype=torch.float64), ValueError, "NaN or infinity"),
        (torch.ones(511), ValueError, r"residual\.1\.1\.weight \(511,\) for \(512,\)"),
    ],
)
def test_a_value_that_is_no_weight_leaves_the_network_as_it_was(
    peer: nn.Module, value: object, error: type[Exception], message: str
) -> None:
    refused({**peer.state_dict(), LAST: value}, error, message)


def test_a_counter_that_is_no_whole_number_is_refused(peer: nn.Module) -> None:
    counter = {"bn1.num_batches_tracked": torch.tensor(1.5)}
    refused({**peer.state_dict(), **counter}, ValueError, "is torch.float32 where")


def test_a_quantized_tensor_is_refused(peer: nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = torch.quantize_per_tensor(torch.ones(512), 0.1, 0, torch.qint8)
    refused({**peer.state_dict(), LAST: value}, ValueError, r"with \.dequantize\(\)")


def test_other_precisions_and_layouts_in_memory_are_taken(peer: nn.Module) -> None:
    state = peer.state_dict()
    for converted in (torch.float64, torch.float16, torch.bfloat16):
        given = {
            key: value.to(converted) if value.is_floating_point() else value
            for key, value in state.items()
        }
        given["conv1.weight"] = given["conv1.weight"].transpose(2, 3).contiguous()
        given["conv1.weight"] = given["conv1.weight"].transpose(2, 3)
        model = ours()
        load_torchvision(model, given)
        expected = state["conv1.weight"].to(converted).float()
        assert torch.equal(model.encoder.stem[0].weight, expected)
        assert model.encoder.stem[0].weight.dtype == torch.float32


def test_values_too_large_for_the_networks_precision(peer: nn.Module) -> None:
    model = ours().half()
    state = {**peer.state_dict(), LAST: torch.full((512,), 1e6)}
    with pytest.raises(ValueError, match=r"infinity \(as torch\.float16\)"):
        load_torchvision(model, state)


def test_mappings_around_or_beside_the_tensors(peer: nn.Module) -> None:
    state = peer.state_dict()
    around = {"epoch": 90, "state_dict": state}
    refused(around, TypeError, r"alone, checkpoint\['state_dict'\]")
    refused({}, ValueError, "the checkpoint is empty")
    refused({**state, 3: torch.ones(1)}, TypeError, "names .* are strings, got 3")
    refused({**state, "epoch": 90}, TypeError, "epoch .* leave it out")
    for prefix in ("module.", "_orig_mod.", "model."):
        named = {prefix + key: value for key, value in state.items()}
        refused(named, ValueError, rf"removeprefix\('{prefix}'\)")
    twice = {**state, "encoder.stem.0.weight": state["conv1.weight"]}
    refused(twice, ValueError, r"twice, as conv1\.weight and as encoder\.stem\.0")
    refused(peer, TypeError, r"got ResNet; call its \.state_dict\(\)")


def test_remedies_name_the_number_of_classes_and_the_encoder(peer: nn.Module) -> None:
    with pytest.raises(ValueError, match="build the network with num_classes=1000"):
        load_torchvision(create_model("resnet18"), peer.state_dict())
    deeplab = create_model(
        "deeplabv3_resnet50", head="torchvision", output_stride=8, multi_grid=None
    )
    backbone = torchvision.models.resnet50().state_dict()
    with pytest.raises(ValueError, match=r"a backbone alone goes into model\.encoder"):
        load_torchvision(deeplab, backbone)
    load_torchvision(deeplab.encoder, backbone)
    assert torch.equal(deeplab.encoder.stem[0].weight, backbone["conv1.weight"])


def test_a_network_without_memory_is_told_how_to_get_some(peer: nn.Module) -> None:
    with torch.device("meta"):
        model = create_model("resnet18", num_classes=1000)
    with pytest.raises(ValueError, match=r"model\.to_empty"):
        load_torchvision(model, peer.state_dict())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty: download it again"),
        (b"hello", "is damaged, or no checkpoint"),
        (b"\x80\x02", "is damaged, or no checkpoint"),
        (b"PK\x03\x04 and no more", "is damaged, or no checkpoint"),
        (b"\n<!DOCTYPE html><p>Error 404", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\x02\0\0\0\0\0\0\0{}", "safetensors format"),
    ],
)
def test_file_that_is_no_checkpoint_is_named(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "not.pth"
    path.write_bytes(content)
    refused(path, ValueError, rf"not\.pth is not a file of plain tensors.* {message}")


def test_checkpoint_cut_off_in_a_download(peer: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "resnet18.pth"
    for zipped in (True, False):
        torch.save(peer.state_dict(), path, _use_new_zipfile_serialization=zipped)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        refused(path, ValueError, "is damaged, or no checkpoint: download it again")


def test_damaged_file_in_torch_hubs_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / Path(weights.url).name
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"PK\x03\x04")
    refused(weights, ValueError, rf"checkpoints/{cached.name} .* is damaged")
    assert cached.exists()


def test_paths_without_a_file(tmp_path: Path) -> None:
    refused(tmp_path, IsADirectoryError, "is a folder: pass a checkpoint file in it")
    refused(tmp_path / "absent.pth", FileNotFoundError, r"no file .*absent\.pth")


def test_pickled_code_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "whole_model.pth"
    torch.save(nn.Linear(1, 1), path)  # a module, not its tensors
    refused(path, ValueError, r"holds more than tensors.* model\.state_dict\(\)")
    torch.save({"conv1.weight": np.ones(3)}, path)
    refused(path, ValueError, "holds more than tensors")
    torch.save([torch.zeros(1)], path)
    refused(path, ValueError, "holds a list, not a state_dict")
