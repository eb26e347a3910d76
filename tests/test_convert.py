"""Published weights: torchvision's own networks, with random weights, stand in."""

from pathlib import Path

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


def test_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "not.pth"
    for content in ("", "hello"):
        path.write_text(content)
        with pytest.raises(
            ValueError, match=r"not\.pth is not a file of plain tensors"
        ):
            load_torchvision(ours(), path)
    with pytest.raises(FileNotFoundError):
        load_torchvision(ours(), tmp_path / "absent.pth")


def test_pickled_code_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "whole_model.pth"
    torch.save(nn.Linear(1, 1), path)  # a module, not its tensors
    with pytest.raises(ValueError, match="is not a file of plain tensors"):
        load_torchvision(ours(), path)
    torch.save([torch.zeros(1)], path)
    with pytest.raises(ValueError, match="holds a list, not a state_dict"):
        load_torchvision(ours(), path)
