"""The explorers compute what the package does, and can be reached by everyone."""

import importlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page
from torch import nn

from simseg_core.models.unet import UNet, nearest_valid_size
from simseg_core.models.unet_padded import UNetPadded
from simseg_core.probes import receptive_field

ROOT = Path(__file__).resolve().parents[2]
WIDGETS = ROOT / "book" / "_static" / "widgets"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """An empty page that knows the explorers' arithmetic."""
    tab = browser.new_page()
    for name in ("field.js", "unet_sizes.js"):
        tab.add_script_tag(path=WIDGETS / name)
    yield tab
    tab.close()


# --- the receptive field


def stack(layers: list[dict[str, int]]) -> nn.Sequential:
    """The same layers in torch, every weight 1: gradients count the paths."""
    net = nn.Sequential()
    for layer in layers:
        kernel, stride, rate = layer["kernel"], layer["stride"], layer["rate"]
        padding = rate * (kernel - 1) // 2
        conv = nn.Conv2d(1, 1, kernel, stride, padding, rate, bias=False)
        net.append(conv.double())
        nn.init.ones_(net[-1].weight)
    return net


def random_layers(rng: random.Random) -> list[dict[str, int]]:
    return [
        {
            "kernel": rng.choice([1, 2, 3, 5, 7]),
            "stride": rng.choice([1, 2]),
            "rate": rng.choice([1, 2, 3, 4, 5, 6]),
        }
        for _ in range(rng.randint(1, 5))
    ]


def test_the_field_is_the_package_s(page: Page) -> None:
    """In sizes, pixels and the number of paths, edges and holes included."""
    rng = random.Random(0)
    cases = [[random_layers(rng), rng.randint(24, 40), rng.random()] for _ in range(60)]
    found = page.evaluate(
        """cases => cases.map(([layers, input, share]) => {
          const sizes = Field.sizes(layers, input);
          const output = Math.floor(share * sizes.at(-1));
          const counts = Field.paths(layers, input, output)[0];
          return {sizes, output, counts, reached: Field.reached(counts),
                  whole: Field.fieldSize(layers),
                  ...Field.positions(layers).at(-1)};
        })""",
        cases,
    )
    holes = edges = 0
    for (layers, size, _), answer in zip(cases, found):
        net, at = stack(layers), answer["output"]
        field = receptive_field(net, (1, 1, size, size))
        shapes = [layer.shape[-1] for layer in field.layers if layer.is_leaf]
        assert answer["sizes"] == [size, *shapes], layers
        reached = answer["reached"]
        if field.box((at, at)) is None:  # every tap falls into the padding
            assert reached == [], layers
            continue
        assert answer["whole"] == field.rows.size, layers
        assert (reached[0], reached[-1]) == field.box((at, at))[0], layers
        x = torch.zeros(1, 1, size, size, dtype=torch.float64, requires_grad=True)
        (paths,) = torch.autograd.grad(net(x)[0, 0, at, at], x)
        counts = np.array(answer["counts"])
        assert np.array_equal(np.outer(counts, counts), paths[0, 0].numpy()), layers
        assert [place for place, count in enumerate(counts) if count] == reached
        # Symmetric about the pixel that stands over the output, where no edge cuts.
        first, last = field.unclipped_box((at, at))[0]
        assert answer["first"] + at * answer["step"] == (first + last) / 2, layers
        holes += len(reached) < reached[-1] - reached[0] + 1
        edges += reached[-1] - reached[0] + 1 < answer["whole"]
    assert min(holes, edges) > 10


# --- the sizes of a U-Net


def listen(net: nn.Module) -> dict[str, int]:
    """Collect the side of the map behind each stage, in each forward pass."""
    made: dict[str, int] = {}
    for name, part in net.named_modules():
        if name.split(".")[0] in ("contract", "up", "expand") and name.count(".") == 1:
            part.register_forward_hook(
                lambda *call, name=name: made.update({name: call[2].shape[-1]})
            )
    return made


@pytest.mark.parametrize("padded", [False, True])
def test_the_sizes_are_those_of_the_package_s_networks(
    page: Page, padded: bool
) -> None:
    rng = random.Random(1)
    cases = [
        {"size": rng.randint(16, 700), "depth": depth, "padded": padded}
        for depth in (1, 2, 3, 4, 5)
        for _ in range(12)
    ] + [{"size": 572, "depth": 4, "padded": padded}]
    if not padded:  # few random sizes fit many poolings: each also at its nearest
        cases += [
            case | {"size": nearest_valid_size(case["size"], depth=case["depth"])}
            for case in cases
        ]
    found = page.evaluate(
        """cases => cases.map(one => ({
          ...UNetSizes.walk(one), nearest: UNetSizes.nearest(one.size, one.depth)}))""",
        cases,
    )
    kind = UNetPadded if padded else UNet
    nets, fitted = {}, 0
    for case, answer in zip(cases, found):
        depth, size = case["depth"], case["size"]
        if depth not in nets:
            with torch.device("meta"):  # shapes without numbers
                net = kind(in_channels=1, num_classes=1, widths=[1] * (depth + 1))
            nets[depth] = net.eval(), listen(net)
        net, made = nets[depth]
        if not padded:
            assert answer["nearest"] == nearest_valid_size(size, depth=depth), case
        try:
            net(torch.zeros(1, 1, size, size, device="meta"))
        except ValueError:
            assert "problem" in answer, case
            continue
        fitted += 1
        assert "problem" not in answer, case
        for level, one in enumerate(answer["levels"]):
            assert one["skip"] == made[f"contract.{level}"], case
            if level < depth:
                assert one["output"] == made[f"expand.{depth - 1 - level}"], case
                below = made[f"up.{depth - 1 - level}"]
                assert one["up"] == (one["skip"] if padded else below), case
                assert 2 * one["cut"] == one["skip"] - one["up"], case
        assert answer["output"] == answer["levels"][0]["output"]
    assert fitted > 50
    if not padded:
        assert found[60]["output"] == 388


def test_the_fields_of_a_u_net_are_the_package_s(page: Page) -> None:
    """By row, and how many of a padded network's rows see pixels alone."""
    for depth, size in ((1, 40), (2, 71), (4, 272)):
        padded = UNetPadded(in_channels=1, num_classes=1, widths=[1] * (depth + 1))
        rows = receptive_field(padded, (1, 1, size, 2**depth)).rows
        first, last = rows.unclipped_first, rows.unclipped_last
        found = page.evaluate(
            """([size, depth]) => ({
              seen: [...Array(size).keys()].map(row => UNetSizes.seen(row, depth)),
              sizes: UNetSizes.fieldSizes(depth),
              free: UNetSizes.withoutPadding(size, depth)})""",
            [size, depth],
        )
        assert found["seen"] == np.stack([first, last], 1).tolist()
        assert found["sizes"] == sorted(set(rows.sizes.tolist()))
        assert found["free"] == ((first >= 0) & (last < size)).sum() > 0


# --- on the page


@pytest.fixture
def explorers(browser: Browser, site: Path) -> Iterator[Page]:
    """The page of all explorers, from its folder, on a phone; all have started."""
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    complaints: list[str] = []
    tab.on("console", lambda m: complaints.append(m.text) if m.type == "error" else 0)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto((site / "book" / "explorers.html").as_uri())
    for box in tab.locator(".widget").all():
        box.scroll_into_view_if_needed()
    tab.wait_for_function("!document.querySelector('.widget:not(.widget-live)')")
    yield tab
    tab.close()
    assert complaints == []


def test_everything_can_be_set_by_keyboard_and_is_told(explorers: Page) -> None:
    """And what the page's words promise comes out."""
    box = explorers.locator("[data-widget=gridding]")
    told = box.get_by_role("status")
    box.get_by_role("slider").press("ArrowRight")
    assert "Output 17 sees pixels 11 to 23" in told.inner_text()
    assert "the other 6 never reach it" in told.inner_text()
    box.get_by_label("rate of layer 2").press("1")
    assert "reads every one" in told.inner_text()  # one rate of 1 closes the holes
    box.get_by_role("button", name="Remove layer 3").press("Enter")
    assert box.get_by_role("button", name="Add a layer").evaluate(
        "button => button === document.activeElement"
    )
    box.get_by_role("slider").press("Home")
    assert "Without the image's edges" in told.inner_text()
    for _ in range(3):
        box.get_by_role("button", name="Add a layer").press("Enter")
    assert box.get_by_role("button", name="Add a layer").is_disabled()

    box = explorers.locator("[data-widget=unet-sizes]")
    told = box.get_by_role("status")
    box.get_by_role("button", name="200").press("Enter")
    assert "The nearest size that fits is 204" in told.inner_text()
    box.get_by_role("button", name="Next smaller").press("Enter")
    assert told.inner_text().startswith("188 → 4:")
    box.get_by_label("Convolutions").press("p")
    box.get_by_role("slider").press("End")
    assert told.inner_text().startswith("700 → 700: nothing is cut off.")


def test_a_finger_drags_and_the_page_still_scrolls(explorers: Page) -> None:
    box = explorers.locator("[data-widget=gridding]")
    picture = box.locator("svg").first
    assert picture.evaluate("one => getComputedStyle(one).touchAction") == "pan-y"
    picture.dispatch_event("pointerdown", {"clientX": 30, "pointerType": "touch"})
    near = box.get_by_role("slider").input_value()
    at = {"clientX": 300, "pointerType": "touch"}
    picture.dispatch_event("pointermove", at)
    assert box.get_by_role("slider").input_value() == near  # no finger is down
    picture.dispatch_event("pointermove", at | {"buttons": 1})
    assert int(box.get_by_role("slider").input_value()) > int(near) + 20


def test_the_still_pictures_are_what_the_explorers_draw(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    tool = importlib.import_module("tools.draw_stills")
    assert list(tool.STILLS) == [path.stem for path in sorted(WIDGETS.glob("*.svg"))]
    for name in tool.STILLS:
        kept = (WIDGETS / f"{name}.svg").read_text("utf-8")
        assert tool.draw(browser, name) == kept, "run tools/draw_stills.py"
