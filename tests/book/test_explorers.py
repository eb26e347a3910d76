"""The explorers compute what the package does, and can be reached by everyone."""

import random
from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import draw_stills
import numpy as np
import pytest
import torch
import widgets
from playwright.sync_api import Browser, Page, expect
from torch import nn

from simseg_core.models.hardblock import HarDBlock, links
from simseg_core.models.unet import UNet, nearest_valid_size
from simseg_core.models.unet_padded import UNetPadded
from simseg_core.probes import cost, receptive_field
from simseg_core.training import ScoreMeter

ROOT = Path(__file__).resolve().parents[2]
WIDGETS = ROOT / "book" / "_static" / "widgets"
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """An empty page that knows the explorers' arithmetic."""
    tab = browser.new_page()
    for name in ("field.js", "unet_sizes.js", "wiring.js", "overlap.js"):
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
        least = {depth: nearest_valid_size(1, depth=depth) for depth in (1, 2, 3, 4, 5)}
        cases += [
            {"size": size, "depth": depth, "padded": False}
            for depth, fits in least.items()
            for size in (fits, fits - 2**depth)
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


@pytest.mark.parametrize(
    ("kind", "depth", "size"),
    [
        *((UNetPadded, depth, size) for depth, size in ((1, 40), (2, 71), (4, 272))),
        *((UNet, depth, size) for depth, size in ((1, 18), (2, 44), (2, 60))),
        *((UNet, 4, size) for size in (188, 220)),
    ],
)
def test_the_fields_of_a_u_net_are_the_package_s(
    page: Page, kind: type[nn.Module], depth: int, size: int
) -> None:
    """Row by row; of a padded network also how many rows see pixels alone."""
    padded = kind is UNetPadded
    net = kind(in_channels=1, num_classes=1, widths=[1] * (depth + 1))
    width = 2**depth if padded else nearest_valid_size(1, depth=depth)
    rows = receptive_field(net, (1, 1, size, width)).rows
    first, last = rows.unclipped_first, rows.unclipped_last
    found = page.evaluate(
        """one => {
          const rows = [...Array(UNetSizes.walk(one).output).keys()];
          return {
            seen: rows.map(row => UNetSizes.seen(row, one)),
            sizes: UNetSizes.fieldSizes(one, rows.length),
            free: UNetSizes.withoutPadding(one.size, one.depth)};
        }""",
        {"depth": depth, "size": size, "padded": padded},
    )
    assert found["seen"] == np.stack([first, last], 1).tolist()
    assert found["sizes"] == sorted(set((last - first + 1).tolist()))
    if padded:
        assert found["free"] == ((first >= 0) & (last < size)).sum() > 0


# --- links and lifetimes


def test_a_harmonic_block_is_the_package_s(page: Page) -> None:
    """In links, widths, channels out, products and traffic."""
    rng = random.Random(2)
    cases = [
        {
            "rule": "harmonic",
            "layers": rng.randint(1, 16),
            "growth": 2 * rng.randint(1, 20),
            "multiplier": rng.randint(10, 23) / 10,
            "input": rng.randint(1, 100),
            "lastOnly": False,
        }
        for _ in range(20)
    ]
    for case, found in zip(
        cases, page.evaluate("cases => cases.map(Wiring.block)", cases)
    ):
        layers = range(1, case["layers"] + 1)
        assert found["reads"] == [[], *map(links, layers)]
        with torch.device("meta"):
            block = HarDBlock(
                case["input"],
                growth=case["growth"],
                multiplier=case["multiplier"],
                layers=case["layers"],
            )
        convolutions = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
        assert found["widths"][1:] == [conv.out_channels for conv in convolutions]
        assert found["leave"] == block.kept
        assert found["out"] == block.out_channels
        bill = cost(block, (1, case["input"], 1, 1))
        assert (found["macs"], found["cio"]) == (bill.macs, bill.cio), case


def test_other_wirings_and_lifetimes_are_those_of_a_simulation(page: Page) -> None:
    """Which maps cannot be let go while a layer works: asked of each reader in turn."""
    rules = {
        "dense": lambda n: set(range(n)),
        "log-dense": lambda n: {n - 2**i for i in range(5) if 2**i <= n},
        "harmonic": lambda n: set(links(n)),
    }
    cases = [
        {"rule": rule, "layers": layers, "growth": 6, "multiplier": 1.7, "input": 10}
        | {"lastOnly": last_only}
        for rule in rules
        for layers in (1, 2, 7, 8, 16)
        for last_only in (False, True)
    ]
    found = page.evaluate("cases => cases.map(Wiring.block)", cases)
    for case, answer in zip(cases, found):
        layers = range(1, case["layers"] + 1)
        reads = [rules[case["rule"]](n) for n in layers]
        assert [set(maps) for maps in answer["reads"][1:]] == reads
        assert answer["links"] == sum(map(len, reads))
        for n, held, room in zip(layers, answer["held"], answer["room"]):
            needed = set().union(*reads[n - 1 :], answer["leave"], {n})
            assert set(held) == {one for one in needed if one <= n}, case
            assert room == sum(answer["widths"][one] for one in held)
    most = {
        case["rule"]: max(map(len, answer["held"]))
        for case, answer in zip(cases, found)
        if case["layers"] == 16 and case["lastOnly"]
    }
    (room,) = [
        answer["room"]
        for case, answer in zip(cases, found)
        if case["rule"] == "harmonic" and case["layers"] == 8 and not case["lastOnly"]
    ]
    assert room[4] < room[3]  # the page says that it shrinks, too
    assert most["harmonic"] < most["log-dense"] < most["dense"] == 17


# --- scores of two masks


def test_the_scores_are_the_package_s(page: Page) -> None:
    rng = random.Random(3)
    side = 36
    cases = [
        {
            "shape": shape,
            "right": rng.randint(-18, 18),
            "down": rng.choice([0, rng.randint(-18, 18)]),
            "grow": rng.randint(0, 4),
            "distance": distance,
        }
        for shape in ("square", "disc", "pole", "frame")
        for distance in (1, 2, 3, 4)
        for _ in range(3)
    ]
    found = page.evaluate(
        """([cases, side]) => cases.map(one => {
          const label = Overlap.mask(one.shape, side);
          const prediction = Overlap.mask(one.shape, side, one);
          const scores = Overlap.scores(label, prediction, side, one.distance);
          return {label, prediction, ...scores};
        })""",
        [cases, side],
    )
    for case, answer in zip(cases, found):
        label, prediction = (
            torch.tensor(answer[name]).view(1, side, side)
            for name in ("label", "prediction")
        )
        ratio = case["distance"] / (side * 2**0.5)
        meter = ScoreMeter(["background", "object"], dilation_ratio=ratio)
        meter.update(prediction, label)
        scores = meter.compute()
        assert answer["iou"] == pytest.approx(scores.iou["object"])
        assert answer["boundary"] == pytest.approx(scores.boundary_iou["object"])
        assert answer["accuracy"] == pytest.approx(scores.pixel_accuracy)
        a, b = (mask.flatten().bool().numpy() for mask in (label, prediction))
        assert answer["dice"] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
    ious = [answer["iou"] for answer in found]
    assert min(ious) < 0.1
    assert max(ious) > 0.5


# --- on the page


VALUES = "bars => bars.map(bar => bar.value)"


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
    expect(tab.locator(".widget:not(.widget-live)")).to_have_count(0, timeout=30_000)
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
    assert "sees 188 pixels a side" in told.inner_text()  # 204 would not fit
    box.get_by_label("Convolutions").press("p")
    box.get_by_role("slider").press("End")
    assert told.inner_text().startswith("700 → 700: nothing is cut off.")

    box = explorers.locator("[data-widget=wiring]")
    told = box.get_by_role("status")
    assert "8 maps of 338 channels are held, the most" in told.inner_text()
    box.get_by_label("Layer at work").press("ArrowLeft")
    assert told.inner_text().startswith("Layer 7 reads 6.")
    box.get_by_role("button", name="dense, as many").press("Enter")
    assert "9 maps of 256 channels are held, the most" in told.inner_text()
    assert not box.get_by_label("Multiplier").is_visible()

    box = explorers.locator("[data-widget=overlap]")
    told = box.get_by_role("status")
    assert "90 of 110 pixels" in told.inner_text()
    assert "18 of 54" in told.inner_text()
    box.get_by_label("To the right").press("ArrowLeft")
    assert told.inner_text().startswith("IoU 1.00")
    box.get_by_role("button", name="half a square").press("Enter")
    assert told.inner_text().startswith("IoU 0.33: 50 of 150 pixels")
    box.get_by_role("button", name="a pole").press("Enter")
    assert told.inner_text().startswith("IoU 0.00")
    assert (
        box.locator("progress").evaluate_all(VALUES)[3] > 0.9
    )  # nine tenths of the image are right
    box.get_by_role("button", name="a blunt outline").press("Enter")
    whole, _, rim, _ = box.locator("progress").evaluate_all(VALUES)
    assert whole > 0.75
    assert rim < 0.25


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_that_has_started_is_accessible(explorers: Page, theme: str) -> None:
    explorers.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
    explorers.evaluate(AXE.read_text())
    found = explorers.evaluate(
        """async () => (await axe.run({include: [[".widget"]]}, {preload: false}))
        .violations.map(one => one.id + ': ' + one.nodes.map(n => n.html).join(' '))"""
    )
    assert found == []


def test_nothing_hangs_out_on_the_smallest_phone(explorers: Page) -> None:
    explorers.set_viewport_size({"width": 320, "height": 640})
    assert explorers.evaluate("document.documentElement.scrollWidth") == 320


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

    box = explorers.locator("[data-widget=overlap]")
    picture = box.locator("svg").first
    picture.scroll_into_view_if_needed()
    frame = picture.bounding_box()
    assert frame is not None
    assert frame["width"] < 300  # beside it the page scrolls
    x, y = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    explorers.mouse.move(x, y)
    explorers.mouse.down()
    explorers.mouse.move(x + 4 * frame["width"] / 36, y - 7 * frame["width"] / 36)
    explorers.mouse.up()
    explorers.mouse.move(x, y)
    assert box.get_by_label("To the right").input_value() == "5"
    assert box.get_by_label("Down").input_value() == "-7"


def test_the_still_pictures_are_what_the_explorers_draw(browser: Browser) -> None:
    assert {*widgets.SCRIPTS} == {path.stem for path in WIDGETS.glob("*.svg")}
    assert len(draw_stills.STILLS) >= 5
    for name in draw_stills.STILLS:
        kept = (WIDGETS / f"{name}.svg").read_text("utf-8")
        assert draw_stills.draw(browser, name) == kept, "run tools/draw_stills.py"
