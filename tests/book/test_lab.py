"""The lab's networks, engine and controls, against PyTorch and the data sets."""

import base64
import copy
import gzip
import re
from collections.abc import Iterator, Sequence
from math import floor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
import widgets
from lab.scenes import as_input, compose, compose_sign
from lab.tape import Player, record, without_idle_taps
from lab.train import STEPS, attending, gating, pooling
from lab.write import (
    DECODER_OFF,
    Joined,
    read_data,
    right_of_stop_and_go,
    with_gates_of,
)
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Route,
    expect,
)
from torch import Tensor, nn

from simseg_core import create_model
from simseg_core.data import Signal, Street
from simseg_core.probes import effective_receptive_field, receptive_field
from simseg_core.training import ScoreMeter, evaluate

ROOT = Path(__file__).resolve().parents[2]
WIDGETS = ROOT / "book" / "_static" / "widgets"
DATA = ("street", "signal", "signs", "deeplab", "cbam")
ENGINE = ("network", "forward", "gradient", "painter", *DATA)
NAMES = ("with", "without")
POLE, VEHICLE = Street.classes.index("pole or wire"), Street.classes.index("vehicle")
SIDE = 64
WAIT = 30_000  # ms at most: a busy machine starts a page slowly


@pytest.fixture(scope="module")
def street() -> dict[str, Any]:
    return read_data(WIDGETS / "lab" / "street.js")


@pytest.fixture(scope="module")
def signal() -> dict[str, Any]:
    return read_data(WIDGETS / "lab" / "signal.js")


@pytest.fixture(scope="module")
def deeplab() -> dict[str, Any]:
    return read_data(WIDGETS / "lab" / "deeplab.js")


@pytest.fixture(scope="module")
def cbam() -> dict[str, Any]:
    return read_data(WIDGETS / "lab" / "cbam.js")


@pytest.fixture(scope="module")
def signs() -> dict[str, Any]:
    return read_data(WIDGETS / "lab" / "signs.js")


@pytest.fixture(scope="module")
def engine(browser: Browser) -> Iterator[Page]:
    """An empty page that has the lab's scripts."""
    tab = browser.new_page()
    for name in ENGINE:
        tab.add_script_tag(path=WIDGETS / f"lab/{name}.js")
    tab.evaluate(
        """() => {
          window.mapOf = (data, side) =>
            ({ channels: 3, height: side, width: side, data: Float32Array.from(data) });
          window.networkOf = ({ networks, network }, name) =>
            simsegLab.readNetwork(networks?.[name] ?? network);
        }"""
    )
    yield tab
    tab.close()


def moved(scene: dict[str, Any]) -> dict[str, Any]:
    """A scene after a reader's hand: other poles, and cars over both edges."""
    scene = copy.deepcopy(scene)
    scene["poles"] |= {"first": 3.25, "height": 21.5, "sag": 7.5}
    scene["vehicles"][0]["left"] = -5
    scene["vehicles"][1]["left"] = SIDE - 6
    return scene


# --- the tape --------------------------------------------------------------------


def networks() -> dict[str, nn.Module]:
    options = {"preset": "tiny", "num_classes": 6}
    return {
        "with": create_model("unet_residual", **options),
        "without": create_model("unet_residual", skips=False, **options),
        "plain": create_model("unet_padded", **options),
        "attending": attending(),
        "gating": gating(),
        "deeplab": create_model("deeplabv3plus_resnet50", **options),
        "rate": pooling("4", width=6),
        "aspp": pooling("aspp", width=6),
    }


@pytest.mark.parametrize("name", networks())
def test_a_tape_says_what_the_network_does(name: str) -> None:
    """With BatchNorm that does something, and attention that is switched on."""
    network = networks()[name].eval()
    for key, number in network.state_dict().items():
        if "running_mean" in key or "gamma" in key:
            number.normal_()
        if "running_var" in key:
            number.uniform_(0.5, 2.0)
    image = torch.randn(2, 3, 32, 48)
    with torch.no_grad():
        expected = network(image)
        played = Player(record(network).script())(image)
    assert (played - expected).abs().max() < 0.01 * expected.abs().max()  # of float16


def test_taps_that_meet_nothing_but_padding_are_left_out() -> None:
    """Of rates 2, 4 and 8 on 4 by 4 positions the two larger, and all of ASPP's."""
    options = {"preset": "tiny", "num_classes": 6}
    network = create_model("deeplabv3plus_resnet50", **options).eval()
    image = torch.randn(2, 3, SIDE, SIDE)
    slim = without_idle_taps(network, SIDE)
    with torch.no_grad():
        torch.testing.assert_close(slim(image), network(image))
    single = [
        name
        for name, one in slim.named_modules()
        if isinstance(one, nn.Conv2d)
        and one.kernel_size != network.get_submodule(name).kernel_size
    ]
    assert [name.split(".")[:3] for name in single] == [
        *(["encoder", "stages", "3"] for _ in (4, 8)),
        *(["aspp", "branches", branch] for branch in "123"),
    ]


def test_a_module_without_a_rule_is_named() -> None:
    with pytest.raises(TypeError, match="GELU"):
        record(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.GELU()))


# --- the engine ------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize(
    ("of", "name"),
    [*(("street", name) for name in NAMES), ("signal", ""), ("deeplab", "")]
    + [("cbam", "")]
    + [("signs", name) for name in ("1", "4", "aspp")],
)
def test_the_page_computes_pytorchs_logits(engine: Page, of: str, name: str) -> None:
    data = read_data(WIDGETS / "lab" / f"{of}.js")
    player = Player(data["networks"][name] if name else data["network"])
    image = torch.randn(1, 3, SIDE, SIDE)
    found = engine.evaluate(
        """([of, name, image, side]) => {
          const network = networkOf(simsegLab[of], name);
          return [...simsegLab.forward(network, mapOf(image, side)).at(-1).data];
        }""",
        [of, name, image.flatten().tolist(), SIDE],
    )
    with torch.no_grad():
        expected = player(image)
    assert (torch.tensor(found) - expected.flatten()).abs().max() < 1e-3
    assert expected.std() > 1


@pytest.mark.browser
def test_the_page_goes_on_from_maps_that_are_given(
    engine: Page, deeplab: dict[str, Any]
) -> None:
    player = Player(deeplab["network"])
    image = torch.randn(1, 3, SIDE, SIDE)
    given = Joined(player, None).sources[1]
    with torch.no_grad():
        other = torch.randn(player.maps(image)[given].shape)
        expected = player.maps(image, {given: other})[-1]
    found = engine.evaluate(
        """([image, side, number, other, channels]) => {
          const small = Math.sqrt(other.length / channels);
          const data = Float32Array.from(other);
          const given = [];
          given[number] = { channels, height: small, width: small, data };
          const network = networkOf(simsegLab.deeplab);
          return [...simsegLab.forward(network, mapOf(image, side), given).at(-1).data];
        }""",
        [
            image.flatten().tolist(),
            SIDE,
            given,
            other.flatten().tolist(),
            len(other[0]),
        ],
    )
    assert (torch.tensor(found) - expected.flatten()).abs().max() < 1e-3


@pytest.mark.browser
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at", [(20, 31), (0, 63), (41, 5)])
def test_the_page_finds_the_packages_effective_field(
    engine: Page, street: dict[str, Any], name: str, at: tuple[int, int]
) -> None:
    player = Player(street["networks"][name])
    image = as_input(compose(street["scenes"][1], side=SIDE)[0])
    expected = effective_receptive_field(player, inputs=image, output_index=at, seed=5)
    weights = torch.randn(6, generator=torch.Generator().manual_seed(5))  # as it draws
    found, size = engine.evaluate(
        """([name, image, side, row, column, seed]) => {
          const network = networkOf(simsegLab.street, name);
          const maps = simsegLab.forward(network, mapOf(image, side));
          const field = simsegLab.effectiveField(network, maps, row, column, seed);
          return [[...field], simsegLab.fieldSize(field)];
        }""",
        [name, image.flatten().tolist(), SIDE, *at, weights.tolist()],
    )
    off = (torch.tensor(found).view(SIDE, SIDE) - expected.map).abs().max()
    assert off < 1e-5 < 0.01 * expected.map.max()
    assert size == pytest.approx(expected.size, abs=0.3)  # a pixel on the limit


@pytest.mark.browser
def test_a_row_of_attention_is_the_softmax_of_its_scores(engine: Page) -> None:
    image = torch.randn(3 * SIDE * SIDE).tolist()
    query, key, rows = engine.evaluate(
        """([image, side]) => {
          const network = networkOf(simsegLab.signal);
          const maps = simsegLab.forward(network, mapOf(image, side));
          const made = network.operations.findIndex(({ op }) => op === "attend");
          const [, query, key] = network.operations[made].from;
          return [maps[query].data, maps[key].data, maps[made + 1].attention]
            .map((numbers) => [...numbers]);
        }""",
        [image, SIDE],
    )
    query, key = (torch.tensor(one).view(6, 64) for one in (query, key))
    expected = (query.T @ key).softmax(dim=1)
    torch.testing.assert_close(torch.tensor(rows).view(64, 64), expected)


# --- the painter -----------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("change", [lambda scene: scene, moved], ids=["first", "moved"])
def test_the_page_paints_as_the_data_set_does(
    engine: Page, street: dict[str, Any], number: int, change: Any
) -> None:
    scene = change(street["scenes"][number])
    painted = ((2, 3), (2, 4), (60, 63))
    photograph, label = compose(scene, side=SIDE, painted=painted)
    found, labels = engine.evaluate(
        """([scene, side, vehicleClass, poleClass, painted]) => {
          const street = simsegLab.readStreet(scene);
          const options = { side, vehicleClass, poleClass, painted };
          const made = simsegLab.paintStreet(street, options);
          return [[...made.photograph.data], [...made.label]];
        }""",
        [scene, SIDE, VEHICLE, POLE, [row * SIDE + column for row, column in painted]],
    )
    assert labels == label.flatten().tolist()
    off = (torch.tensor(found) - photograph.flatten()).abs()
    assert off.max() <= 1  # whole numbers: a last digit may fall on the other side
    assert (off > 0).float().mean() < 0.002


@pytest.mark.browser
@pytest.mark.parametrize(
    "sign",
    [{"row": 48, "column": 48, "radius": 40, "kind": 3}]
    + [{"row": 3, "column": 90, "radius": radius, "kind": 1} for radius in (6, 23)],
)
def test_the_page_paints_a_sign_as_the_data_set_does(
    engine: Page, signs: dict[str, Any], sign: dict[str, int]
) -> None:
    scene = signs["scene"] | {"sign": sign}
    photograph, label = compose_sign(scene, side=signs["side"])
    found, labels = engine.evaluate(
        """([scene, side]) => {
          const made = simsegLab.paintSign(simsegLab.readWall(scene), { side });
          return [[...made.photograph.data], [...made.label]];
        }""",
        [scene, signs["side"]],
    )
    assert labels == label.flatten().tolist()
    off = (torch.tensor(found) - photograph.flatten()).abs()
    assert off.max() <= 1
    assert (off > 0).float().mean() < 0.002


def test_a_lamp_changes_the_lamp_alone(
    signal: dict[str, Any], cbam: dict[str, Any]
) -> None:
    assert (cbam["numbers"], cbam["scenes"]) == (signal["numbers"], signal["scenes"])
    for number, scene in zip(signal["numbers"], signal["scenes"]):
        image, label = Signal("val", size=SIDE, normalize=False).with_lamp(number, "go")
        assert scene["lamp"] == list(Signal("val", size=SIDE).lamp(number))
        assert scene["go"] != scene["stop"]
        assert pixels_of(scene["go"]) == (image * 255).round().flatten().tolist()
        assert pixels_of(scene["vehicles"]) == (label > 0).flatten().tolist()


def pixels_of(text: str) -> list[int]:
    return list(base64.b64decode(text))


# --- the controls ----------------------------------------------------------------


class Lab:
    """A widget alone on a page that may load files from its own host and nothing else.

    No inline script or style runs there and nothing is evaluated from text.
    """

    def __init__(self, browser: Browser, name: str, files: Sequence[str]) -> None:
        self.tab = browser.new_page(viewport={"width": 800, "height": 900})
        self.complaints: list[str] = []
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("console", self._listen)
        box = f'<div class="widget" data-widget="{name}" data-scripts="{{}}"></div>'
        html = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Lab</title>'
            '<link rel="stylesheet" href="widgets.css">'
            f"{box.format(' '.join(files))}"
            '<script src="loader.js"></script></html>'
        )

        def serve(route: Route) -> None:
            file = WIDGETS / urlsplit(route.request.url).path.lstrip("/")
            if file == WIDGETS:
                policy = {"content-security-policy": "default-src 'self'"}
                route.fulfill(body=html, content_type="text/html", headers=policy)
            else:
                route.fulfill(path=file)

        self.tab.route("http://lab.test/**", serve)
        self.tab.goto("http://lab.test/")
        self.said("")

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "favicon" not in message.text:
            self.complaints.append(message.text)

    def said(self, start: str) -> str:
        """What the status says, once it begins so."""
        status = self.tab.get_by_role("status")
        expect(status).to_have_text(re.compile(f"^{start}."), timeout=WAIT)
        return status.inner_text()

    def bars(self) -> list[str]:
        return self.tab.locator(".lab-number").all_inner_texts()

    def choose(self, old: str, presses: int) -> None:
        """From one chosen radio button to another, by the keyboard."""
        self.tab.get_by_role("radio", name=old, exact=True).focus()
        for _ in range(presses):
            self.tab.keyboard.press("ArrowRight")

    def canvas(self, number: int) -> Locator:
        return self.tab.locator("canvas").nth(number)

    def pixels(self, number: int) -> list[list[int]]:
        """A picture's colours, pixel by pixel."""
        return self.canvas(number).evaluate(
            """canvas => {
              const { width, height } = canvas;
              const context = canvas.getContext("2d");
              const { data } = context.getImageData(0, 0, width, height);
              return Array.from({ length: width * height },
                (_, n) => [data[4 * n], data[4 * n + 1], data[4 * n + 2]]);
            }"""
        )

    def shows(self, number: int, colors: np.ndarray) -> None:
        """Wait until a picture has these colours, but for a pixel or two in a thousand.

        It is painted after the status has been said: at the browser's next frame.
        """
        wanted = colors.reshape(-1, 3)
        for _ in range(WAIT // 50):
            if (wanted == self.pixels(number)).mean() > 0.998:
                return
            self.tab.wait_for_timeout(50)
        pytest.fail(f"picture {number} has not become what it should be")


@pytest.fixture
def lab(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The widget that the test asks for; it must not have complained."""
    files = widgets.SCRIPTS[request.param]
    found = Lab(browser, request.param, files)
    yield found
    found.tab.close()
    assert found.complaints == []


def answers(street: dict[str, Any], scene: dict[str, Any], **options: Any) -> list[Any]:
    """The truth, and both networks' answers, as PyTorch has them."""
    photograph, label = compose(scene, side=SIDE, **options)
    with torch.no_grad():
        return [label] + [
            Player(street["networks"][name])(as_input(photograph)).argmax(dim=1)[0]
            for name in NAMES
        ]


def words(truth: Tensor, *answers: Tensor) -> str:
    counts = [int((one == POLE).sum()) for one in (truth, *answers)]
    return (
        f"Poles and wires cover {counts[0]} pixels. With skips the network paints "
        f"{counts[1]} black, without skips {counts[2]}"
    )


def iou(answer: Tensor, truth: Tensor) -> str:
    a, b = answer == POLE, truth == POLE
    return f"{(a & b).sum() / (a | b).sum():.2f}"


@pytest.mark.browser
@pytest.mark.parametrize("lab", ["skips"], indirect=True)
def test_a_street_is_changed_and_asked_by_keyboard(
    lab: Lab, street: dict[str, Any]
) -> None:
    scene = street["scenes"][0]
    truth, *found = answers(street, scene)
    lab.said(words(truth, *found))
    assert lab.bars() == [iou(one, truth) for one in found]
    lab.choose("with skips", 1)
    lab.said(words(truth, *found))
    colors = np.array(street["palette"])
    lab.shows(1, colors[found[1]])

    lab.canvas(0).focus()
    for key in ["ArrowRight"] * 3 + ["ArrowUp"] * 2:
        lab.tab.keyboard.press(key)
    lab.tab.get_by_role("slider", name="sag").focus()
    lab.tab.keyboard.press("ArrowRight")
    scene = copy.deepcopy(scene)
    poles = scene["poles"]
    poles |= {name: poles[name] + by for name, by in POLES_MOVED.items()}
    lab.said(words(*answers(street, scene)))

    lab.choose("move", 1)
    lab.canvas(0).focus()
    for key in ["ArrowUp"] * 14 + ["Enter", "ArrowLeft", " "]:
        lab.tab.keyboard.press(key)
    truth, *found = answers(street, scene, painted=((2, 32), (2, 31)))
    lab.said(words(truth, *found))

    lab.choose("paint a wire", 1)
    lab.canvas(0).focus()
    lab.tab.keyboard.press("ArrowDown")
    classes = [street["classes"][one[3, 31]] for one in found]
    said = lab.said("Row 3, column 31")
    assert re.findall("“(.*?)”", said) == classes

    lab.tab.get_by_role("button", name="start over").click()
    lab.choose("ask a pixel", 1)  # from the last one round to the first
    lab.said(words(*answers(street, street["scenes"][0])))


POLES_MOVED = {"first": 3, "height": 2, "sag": 0.5}


@pytest.mark.browser
@pytest.mark.parametrize("lab", ["skips"], indirect=True)
def test_a_pointer_moves_a_car_and_draws_a_line(
    lab: Lab, street: dict[str, Any]
) -> None:
    scene = copy.deepcopy(street["scenes"][0])
    car = scene["vehicles"][0]
    box = lab.canvas(0).bounding_box()
    assert box is not None
    scale = box["width"] / SIDE

    def point(row: int, column: int) -> tuple[float, float]:
        return box["x"] + (column + 0.5) * scale, box["y"] + (row + 0.5) * scale

    mouse, row = lab.tab.mouse, car["bottom"] - 3
    mouse.move(*point(row, car["left"] + 4))
    mouse.down(button="right")  # opens a menu, and moves nothing
    mouse.move(*point(row + 5, car["left"] + 20))
    mouse.up(button="right")
    lab.said(words(*answers(street, scene)))
    mouse.move(*point(row, car["left"] + 4))
    mouse.down()
    mouse.move(*point(row, car["left"] + 13))
    mouse.up()
    car["left"] += 9
    lab.said(words(*answers(street, scene)))

    lab.tab.get_by_role("radio", name="paint a wire").check()
    mouse.move(*point(6, 10))
    mouse.down()
    mouse.move(*point(6, 20))
    mouse.up()
    line = tuple((6, column) for column in range(10, 21))
    lab.said(words(*answers(street, scene, painted=line)))


@pytest.mark.browser
@pytest.mark.parametrize("lab", ["skips"], indirect=True)
def test_a_finger_scrolls_the_page_unless_it_paints(lab: Lab) -> None:
    touches = {}
    for name in ("move", "paint a wire", "ask a pixel"):
        lab.tab.get_by_role("radio", name=name).check()
        touches[name] = lab.canvas(0).evaluate("e => getComputedStyle(e).touchAction")
    assert touches == {"move": "pan-y", "paint a wire": "none", "ask a pixel": "pan-y"}


@pytest.mark.browser
@pytest.mark.parametrize("lab", ["skips", "rates"], indirect=True)
def test_words_wait_for_the_frame_that_a_change_asked_for(lab: Lab) -> None:
    """As in a window that is covered, where frames come late and timers do not."""
    lab.tab.evaluate(
        """() => {
          const [frames, timers] = [[], []];
          window.requestAnimationFrame = (work) => frames.push(work);
          window.setTimeout = (work) => timers.push(work);
          const press = () => document.querySelector("canvas").dispatchEvent(
            new KeyboardEvent("keydown", { key: "ArrowLeft", cancelable: true }));
          press();
          frames.pop()();
          press();
          timers.pop()();
          frames.pop()();
        }"""
    )


@pytest.mark.browser
@pytest.mark.parametrize("lab", ["attention"], indirect=True)
def test_a_lamp_is_turned_and_attention_switched_off_by_keyboard(
    lab: Lab, signal: dict[str, Any]
) -> None:
    lab.said("Row")
    assert lab.bars() == ["100 %", "100 %"]
    before = lab.pixels(1)
    lab.choose("stop", 1)
    expect(lab.tab.locator(".lab-shown")).to_contain_text("lamp at go", timeout=WAIT)
    stop, go = (signal["palette"][number] for number in (1, 2))
    turned = [n for n, color in enumerate(before) if color == stop]
    assert len(turned) > 400
    for _ in range(WAIT // 50):  # painted at the browser's next frame
        after = lab.pixels(1)
        if any(after[n] != stop for n in turned):
            break
        lab.tab.wait_for_timeout(50)
    assert sum(after[n] == go for n in turned) > 0.95 * len(turned)

    lab.tab.get_by_role("button", name="gamma to 0").press("Enter")
    expect(lab.tab.locator(".lab-number").first).to_have_text("0 %", timeout=WAIT)
    assert lab.bars() == ["0 %", "100 %"]  # one answer to both, and right once
    lab.tab.get_by_role("slider", name="gamma").press("End")
    expect(lab.tab.locator(".lab-number").first).to_have_text("100 %", timeout=WAIT)

    lab.canvas(0).focus()
    for key in ["ArrowLeft"] * 9 + ["ArrowUp"] * 9:
        lab.tab.keyboard.press(key)
    lab.said("Row 1, column 1 of 8")


@pytest.mark.browser
@pytest.mark.parametrize("lab", ["gates"], indirect=True)
def test_gates_are_exchanged_by_keyboard(lab: Lab, cbam: dict[str, Any]) -> None:
    stop, go = (
        Signal("val", size=SIDE).with_lamp(cbam["numbers"][0], lamp)[0][None]
        for lamp in ("stop", "go")
    )
    player = Player(cbam["network"])
    lab.said("The lamp is at stop, the gates are its own: 100 %")
    gates = [gates_of(player, image) for image in (stop, go)]
    differ = [int(((a - b).abs() > 0.5).sum()) for a, b in zip(*gates)]
    wide = [str(int((channel > 0.5).sum())) for channel, _ in gates]
    assert lab.bars() == ["100 %", "100 %", *wide]
    channel, spatial = (
        lab.tab.get_by_role("group", name=f"{name} gates").get_by_role("radio")
        for name in ("Channel", "Spatial")
    )
    channel.first.press("ArrowRight")
    said = lab.said("The lamp is at stop, the channel gates are from under go: 0 %")
    assert f"{differ[0]} of 48 channel gates" in said
    assert f"{differ[1]} of 64 spatial gates" in said
    assert lab.bars()[:2] == ["0 %", "0 %"]
    with torch.no_grad():
        answer = with_gates_of(player, stop, go, ["channel"]).argmax(dim=1)
    colors = np.array(cbam["palette"])
    lab.shows(1, colors[answer])
    channel.last.press("ArrowRight")  # round to the first
    spatial.first.press("ArrowRight")
    lab.said("The lamp is at stop, the spatial gates are from under go: 100 %")
    lab.choose("stop", 1)
    lab.said("The lamp is at go, the spatial gates are from under stop: 100 %")


def gates_of(player: Player, image: Tensor) -> list[Tensor]:
    """What the two sigmoids make: the channels' gates and the places'."""
    made = zip(player.operations, player.maps(image)[1:])
    return [map_ for one, map_ in made if one["op"] == "sigmoid"]


@pytest.mark.browser
@pytest.mark.parametrize("lab", ["rates"], indirect=True)
def test_a_sign_is_resized_and_moved_by_keyboard(
    lab: Lab, signs: dict[str, Any]
) -> None:
    scene = copy.deepcopy(signs["scene"])
    lab.said("The sign is 80 pixels across. At rate 1 its middle sees 39 pixels")
    assert lab.bars() == rights(signs, scene)
    lab.tab.get_by_role("slider", name="size").press("Home")
    lab.said("The sign is 12 pixels across")
    lab.tab.get_by_role("slider", name="size").press("PageUp")
    lab.canvas(0).focus()
    for key in ["ArrowLeft"] * 3 + ["ArrowUp"]:
        lab.tab.keyboard.press(key)
    lab.choose("vermillion rim", 1)  # from the last one round to the first
    lab.choose("rate 1", 3)
    said = lab.said("The sign is .* pixels across. With image pooling")
    scene["sign"] = {"row": 47, "column": 45, "kind": 1}
    scene["sign"]["radius"] = int(said.split()[3]) // 2
    assert lab.bars() == rights(signs, scene)


@pytest.mark.browser
@pytest.mark.parametrize("lab", ["decoder"], indirect=True)
def test_a_decoder_reads_one_of_two_maps_by_keyboard(
    lab: Lab, deeplab: dict[str, Any]
) -> None:
    scene = copy.deepcopy(deeplab["scenes"][0])
    found = decoded(deeplab, scene)
    assert_decoded(lab, scene, found)
    lab.choose("both maps", 1)
    caption = lab.tab.locator(".lab-caption").last
    expect(caption).to_have_text("What, not where.", timeout=WAIT)
    colors = np.array(deeplab["palette"])
    lab.shows(1, colors[found[1]])
    lab.canvas(0).focus()
    for key in ["ArrowLeft"] * 3 + ["ArrowUp", "Enter", "ArrowRight"]:
        lab.tab.keyboard.press(key)
    first, last = scene["vehicles"]
    last |= {"left": last["left"] - 3, "bottom": last["bottom"] - 1}
    first["left"] += 1
    assert_decoded(lab, scene, decoded(deeplab, scene))

    box = lab.canvas(0).bounding_box()
    assert box is not None
    scale, mouse = box["width"] / SIDE, lab.tab.mouse
    x, y = (first["left"] + 4.5) * scale, (first["bottom"] - 2.5) * scale
    mouse.move(box["x"] + x, box["y"] + y)
    mouse.down()
    mouse.move(box["x"] + x + 20 * scale, box["y"] + y + 3 * scale)
    mouse.up()
    first |= {"left": first["left"] + 20, "bottom": first["bottom"] + 3}
    assert_decoded(lab, scene, decoded(deeplab, scene))


def decoded(deeplab: dict[str, Any], scene: dict[str, Any]) -> list[Tensor]:
    """What the decoder says from both maps, from ASPP's and from low-level features."""
    image = as_input(compose(scene, side=SIDE)[0])
    player = Player(deeplab["network"])
    with torch.no_grad():
        return [
            Joined(player, off)(image).argmax(dim=1)[0] for off in DECODER_OFF.values()
        ]


def assert_decoded(lab: Lab, scene: dict[str, Any], answers: list[Tensor]) -> None:
    """The page says so, but for pixels at which two classes are nearly equal."""
    label = compose(scene, side=SIDE)[1]
    counts = [int((one == VEHICLE).sum()) for one in answers]
    about = ["|".join(map(str, range(one - 4, one + 5))) for one in counts]
    lab.said(
        "Vehicles cover {} pixels. From both maps the decoder paints ({}) blue, from "
        "ASPP's map alone ({}), from the low-level features alone ({})".format(
            int((label == VEHICLE).sum()), *about
        )
    )
    for bar, answer in zip(lab.bars(), answers, strict=True):
        meter = ScoreMeter(Street.classes)
        meter.update(answer[None], label[None])
        assert float(bar) == pytest.approx(meter.compute().boundary_miou, abs=0.011)


def rights(signs: dict[str, Any], scene: dict[str, Any]) -> list[str]:
    """The share of the sign's pixels that each network gets right, as bars say it."""
    photograph, label = compose_sign(scene, side=signs["side"])
    found = []
    for tape in signs["networks"].values():
        answer = Player(tape)(as_input(photograph)).argmax(dim=1)[0]
        share = (answer == label)[label > 0].double().mean().item()
        found.append(f"{floor(100 * share + 0.5)} %")
    return found


# --- the page --------------------------------------------------------------------


def test_the_pages_words_say_what_was_measured(
    street: dict[str, Any], signal: dict[str, Any]
) -> None:
    page = " ".join((ROOT / "book" / "lab.md").read_text("utf-8").split())
    scores = [street["scores"][name] for name in NAMES]
    thin, mean = ([one[name] for one in scores] for name in ("pole or wire", "miou"))
    assert f"an IoU of {thin[0]:.2f} with skips and {thin[1]:.2f} without" in page
    assert f"all six classes is {mean[0]:.2f} and {mean[1]:.2f}" in page
    trained, off = (signal["scores"][f"gamma {name}"] for name in ("trained", "0"))
    assert f"{trained:.1%}".replace("%", " %") + " of the vehicles' pixels" in page
    assert f"gamma at 0 it is {off:.1%}".replace("%", " %") in page
    assert f"{STEPS:,} steps" in page


def test_the_scores_are_those_of_the_weights(
    street: dict[str, Any], signal: dict[str, Any]
) -> None:
    """They were measured with the very numbers that the page loads."""
    val = Street("val", size=SIDE, length=64)
    for name in NAMES:
        found = evaluate(Player(street["networks"][name]), val, boundary=False)
        assert street["scores"][name]["miou"] == pytest.approx(found.miou, abs=2e-3)
        assert found.iou["pole or wire"] == pytest.approx(
            street["scores"][name]["pole or wire"], abs=2e-3
        )
    right = right_of_stop_and_go(Player(signal["network"]).eval())
    assert signal["scores"]["gamma trained"] == pytest.approx(right, abs=2e-3)


def test_what_the_page_suggests_is_so(
    street: dict[str, Any], signal: dict[str, Any]
) -> None:
    """On every street: a band without skips, wide fields, low wires lost by both."""
    for scene in street["scenes"]:
        truth, sharp, blunt = answers(street, scene)
        assert float(iou(sharp, truth)) > 0.8 > 0.3 > float(iou(blunt, truth))
        assert (blunt == POLE).sum() > 1.2 * (truth == POLE).sum()
        small, large = (
            effective_receptive_field(
                Player(street["networks"][name]),
                inputs=as_input(compose(scene, side=SIDE)[0]),
                output_index=(20, 40),
            ).size
            for name in NAMES
        )
        assert small < 20 < 30 < large
        low = copy.deepcopy(scene)
        low["poles"]["height"] = 16
        truth, sharp, blunt = answers(street, low)
        assert float(iou(sharp, truth)) < 0.5
        assert float(iou(blunt, truth)) < 0.1
    player, fails = Player(signal["network"]), signal["numbers"][-1]
    image, label = Signal("val", size=SIDE).with_lamp(fails, "go")
    answer = player(image[None])[0, 1:].argmax(dim=0) + 1
    assert 0.4 < (answer == label)[label > 0].float().mean() < 0.9


def test_what_chapter_04_suggests_of_its_signs_is_so(signs: dict[str, Any]) -> None:
    """Rate 1 loses a large sign's middle, and rate 4 something of a smaller one."""

    def right(name: str, radius: int, *, kind: int = 3, within: int = 99) -> float:
        scene = copy.deepcopy(signs["scene"])
        scene["sign"] |= {"radius": radius, "kind": kind}
        photograph, label = compose_sign(scene, side=signs["side"])
        player = Player(signs["networks"][name])
        answer = player(as_input(photograph)).argmax(dim=1)[0]
        rows, columns = torch.meshgrid(*2 * [torch.arange(96.0) - 48], indexing="ij")
        near = (label > 0) & (torch.hypot(rows, columns) < within)
        return (answer == label)[near].float().mean().item()

    assert right("1", 16) > 0.95
    assert right("1", 40, within=10) < 0.5 < right("aspp", 40, within=10) == 1
    for kind in (1, 3):
        assert right("4", 20, kind=kind) < right("2", 20, kind=kind) - 0.02
    for name, rows in signs["fields"].items():
        network = pooling(name, width=2)
        box = receptive_field(network, (1, 3, 96, 96)).box((48, 0))
        assert box is not None
        assert tuple(rows[48]) == box[0]


def test_what_chapter_05_says_of_its_decoder_is_so(deeplab: dict[str, Any]) -> None:
    """Layers from the one map, better borders and more errors from the other."""
    chapter = (ROOT / "chapters" / "05_deeplabv3plus.ipynb").read_text("utf-8")
    player = Player(deeplab["network"]).eval()
    val = Street("val", size=SIDE, length=64)
    both, what, where = (
        evaluate(Joined(player, off), val) for off in DECODER_OFF.values()
    )
    means = [one.boundary_miou for one in (both, what, where)]
    assert list(deeplab["scores"].values()) == pytest.approx(means, abs=2e-3)
    stated = (
        "is {:.2f} from both maps, {:.2f} from ASPP's and {:.2f} from the low-level"
    )
    assert stated.format(*deeplab["scores"].values()) in chapter
    assert where.pixel_accuracy < both.pixel_accuracy - 0.2
    assert f"trained for {STEPS:,} steps" in chapter
    for scene in deeplab["scenes"]:
        label = compose(scene, side=SIDE)[1]
        whole, layers, edges = decoded(deeplab, scene)
        assert of_one_class(layers) > 0.9 > 0.8 > of_one_class(label)
        assert (edges == label).float().mean() < (whole == label).float().mean() - 0.1


def test_what_chapter_02_says_of_its_gates_is_so(cbam: dict[str, Any]) -> None:
    chapter = (ROOT / "chapters" / "02_cbam.ipynb").read_text("utf-8")
    player = Player(cbam["network"]).eval()
    found = [
        right_of_stop_and_go(player, exchanged=names)
        for names in ((), ("channel",), ("spatial",))
    ]
    scores = list(cbam["scores"].values())
    assert scores == pytest.approx(found, abs=2e-3)
    own, channel, spatial = (f"{one:.1%}".replace("%", " %") for one in scores)
    assert (
        f"either lamp {own} of the vehicles' pixels are right with its own" in chapter
    )
    assert (
        f"{channel} with the other lamp's channel gates and {spatial} with" in chapter
    )
    assert f"trained for {STEPS:,} steps" in chapter


def of_one_class(answer: Tensor) -> float:
    """The share of a row that its most frequent class has, on average."""
    return sum(row.bincount().max().item() / SIDE for row in answer) / SIDE


def test_the_pages_data_are_light() -> None:
    """Of the lab's own page; the others stand in one chapter each."""
    data = [(WIDGETS / "lab" / f"{name}.js").read_bytes() for name in DATA[:2]]
    assert sum(len(gzip.compress(one, 6)) for one in data) < 700_000
    data = [(WIDGETS / "lab" / f"{name}.js").read_bytes() for name in DATA[3:]]
    assert max(len(gzip.compress(one, 6)) for one in data) < 250_000


@pytest.mark.browser
def test_the_lab_runs_from_a_folder(browser: Browser, site: Path) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 900})
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto((site / "book" / "lab.html").as_uri())
    for status in tab.get_by_role("status").all():
        status.scroll_into_view_if_needed()
    tab.locator("[data-widget=attention]").scroll_into_view_if_needed()
    expect(tab.get_by_role("status").last).to_contain_text("its gaze", timeout=WAIT)
    tab.set_viewport_size({"width": 320, "height": 640})  # the smallest phone
    assert tab.evaluate("document.documentElement.scrollWidth") == 320
    for index in ("genindex", "py-modindex"):  # pages that no other test opens
        tab.goto((site / f"{index}.html").as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") == 320, index
    tab.close()
    assert complaints == []


@pytest.mark.browser
def test_without_scripts_a_still_picture_stands_there(
    browser: Browser, site: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((site / "book" / "lab.html").as_uri())
    stills = [
        one.get_attribute("aria-label") for one in tab.locator(".lab-still").all()
    ]
    context.close()
    assert [len(words.split()) > 20 for words in stills if words] == [True, True]
