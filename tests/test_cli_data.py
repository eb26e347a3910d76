"""`simseg data`: what it prints is what `describe` says, mistakes are one line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image

from simseg_core.cli import main
from simseg_core.data import describe, open_source, split

SIZE = (6, 8)


def make(root: Path, masks: dict[str, list]) -> None:
    """Pairs 6 high and 8 wide; each mask repeats these values or colours."""
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    noise = np.random.default_rng(0)
    for stem, values in masks.items():
        pixels = noise.integers(0, 255, (*SIZE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{stem}.png")
        array = np.array(values, dtype=np.uint8)
        mask = np.resize(array, (*SIZE, *array.shape[1:]))
        Image.fromarray(mask).save(root / "masks" / f"{stem}.png")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A place with folders of several kinds."""
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "pics", {"oslo_1": [0, 1], "oslo_2": [0, 0, 1], "rome_1": [0]})
    make(tmp_path / "binary", {"a": [0, 255]})
    make(tmp_path / "faulty", {"a": [0, 7], "b": [0, 1]})
    make(tmp_path / "coloured", {"a": [(0, 0, 0), (255, 0, 0)]})
    (tmp_path / "labelme").mkdir()
    (tmp_path / "labelme" / "a.json").write_text('{"shapes": [{"label": "cat"}]}')
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.txt").write_text("oslo_1\n")
    (tmp_path / "wrong.txt").write_text("bern_1\n")
    return tmp_path


NAMED = ["--classes", "ground,tree"]


def say(capsys, *words: str) -> str:
    assert main(["data", *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def rows(out: str) -> list[str]:
    return [" ".join(line.split()) for line in out.splitlines()]


def test_it_says_what_describe_says(here, capsys):
    data = open_source("folder:pics", classes=["ground", "tree"])
    assert say(capsys, "pics", *NAMED) == f"folder:pics: {describe(data)}\n"
    found = json.loads(say(capsys, "folder:pics", *NAMED, "--json"))
    expected = describe(data).to_dict()
    assert found == {"source": "folder:pics", **expected, "question": None}


def test_values_without_names_are_counted_and_asked_for(here, capsys):
    out = say(capsys, "binary")
    assert "values in masks: 0, 255" in out
    assert "255 50 % 1" in rows(out)
    last = out.splitlines()[-1]
    assert """--mask-values '{"0": "background", "255": "class1"}', null""" in last
    assert "--classes background,class1" in say(capsys, "pics")
    assert "(in Python" not in say(capsys, "pics")
    assert json.loads(say(capsys, "binary", "--json"))["question"]


def test_the_option_that_is_asked_for_opens_the_folder(here, capsys):
    table = '{"0": "ground", "255": null}'
    assert "50 % of all pixels do not count" in say(
        capsys, "binary", "--mask-values", table
    )
    whole = json.dumps({"values": {"0": "ground", "255": "tree"}})
    out = say(capsys, "binary", "--mask-values", whole, "--classes", "tree,ground")
    assert out.index("tree ") < out.index("ground ")
    assert "ignored" not in say(capsys, "binary", *NAMED, "--ignore-index", "255")


def test_faulty_pairs_are_in_the_report_with_options_to_paste(here, capsys):
    assert main(["data", "faulty", *NAMED]) == 1
    out, err = capsys.readouterr()
    assert err == "simseg: 1 of 2 pairs cannot be read, as told above\n"
    assert "1 faulty pair:" in out
    assert "a.png holds the values 7 (24 pixels)" in out
    assert """--mask-values '{"0": "ground", "7": "tree"}'""" in out
    assert main(["data", "faulty", *NAMED, "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["faults"]) == 1


def test_names_that_look_like_places_bring_the_option_to_paste(here, capsys):
    names = [f"{place}_x{x}_y0" for place in ("site1", "site2") for x in (0, 1)]
    make(here / "tiles", {name: [0, 1] for name in names})
    last = say(capsys, "tiles", *NAMED).splitlines()[-1]
    assert last.startswith("names that start alike, such as site1_x0_y0 and site1_x1_")
    given = re.search(r"--group '(.+?)'", last)[1]
    for seed in range(4):
        sides = split(names, share=0.5, seed=seed, group=given)
        assert {tuple(side) for side in sides} == {(0, 1), (2, 3)}
    assert "start alike" not in say(capsys, "tiles", *NAMED, "--group", given)
    assert "start alike" not in say(capsys, "pics", *NAMED)  # rome has one picture
    assert "start alike" not in say(capsys, "street", "--part", "val")


def test_on_a_terminal_it_says_at_once_what_it_reads(here, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["data", "pics", *NAMED]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("reading folder:pics ...\n")
    assert "3/3" in err  # the bar
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert say(capsys, "pics", *NAMED) == out


@pytest.mark.parametrize("words", ["data a", "predict a b", "export a b.onnx"])
def test_it_says_so_before_torch_is_there(words):
    code = (
        "import builtins, sys\n"
        "from simseg_core.cli import main\n"
        "def tell(text, **_): sys.exit(f'{text} {\"torch\" in sys.modules}')\n"
        "sys.stderr.isatty, builtins.print = lambda: True, tell\n"
        f"main({words.split()})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stderr == "reading a ... False\n"


def test_a_split_asks_for_pictures_on_both_sides(here, capsys):
    copy = (here / "pics" / "images" / "oslo_1.png").read_bytes()
    (here / "pics" / "images" / "rome_1.png").write_bytes(copy)
    out = say(capsys, "pics", *NAMED, "--group", "^[a-z]+")
    assert "split: 2 for training, 1 for validation" in out
    assert "near-identical across it: oslo_1 ~ rome_1" in out
    assert "identical pictures: oslo_1 = rome_1" in out
    (here / "other.txt").write_text("oslo_2\n")
    out = say(capsys, "pics", *NAMED, "--lists", "list.txt", "other.txt")
    assert (
        "split: 1 for training, 1 for validation; near-identical across it: none"
        in (out)
    )
    assert "split: 2 for" in say(capsys, "pics", *NAMED, "--val-share", "0.4")


def test_a_source_with_parts_brings_its_split(here, capsys):
    for part, stem in (("train", "a"), ("val", "b")):
        make(here / "parts" / part, {stem: [0, 1]})
    out = say(capsys, "parts", *NAMED)
    assert "2 pairs" in out
    assert "split: 1 for training, 1 for validation" in out
    assert "near-identical across it: a ~ b" in out  # both drawn alike
    out = say(capsys, "parts", *NAMED, "--part", "val")
    assert "1 pair\n" in out
    assert "split" not in out


@pytest.mark.parametrize("name", ["sheet.png", "sheet.svg", "sheet.pdf"])
def test_a_sheet_is_drawn_of_what_can_be_read(here, capsys, name):
    assert main(["data", "faulty", *NAMED, "--sheet", name]) == 1
    assert (here / name).stat().st_size > 1000


def test_masks_lie_over_their_pictures(here, capsys):
    """A red mask on a black picture is dark red; labels have their own row below."""
    make(here / "dark", {"a": [1]})
    Image.new("RGB", SIZE[::-1]).save(here / "dark" / "images" / "a.png")
    say(capsys, "dark", *NAMED, "--sheet", "s.png")
    shown = imread(here / "s.png")[..., :3].reshape(-1, 3)
    colors = {tuple(np.round(color * 255).astype(int)) for color in shown}
    assert (230, 159, 0) in colors  # the label
    assert {(115, 79, 0), (115, 80, 0)} & colors  # half of it, over black


def test_a_conversion_is_told_and_can_be_read(here, capsys):
    table = '{"0,0,0": "ground", "255,0,0": "tree"}'
    words = ["coloured", "--from", "colours", "--convert-to", "new"]
    out = say(capsys, *words, "--mask-values", table)
    assert out.startswith("new: 1 pair of ground, tree\n")
    assert "tree 50 % 1" in rows(say(capsys, "new"))
    words[-1] = "again"
    found = json.loads(say(capsys, *words, "--mask-values", table, "--json"))
    assert found == {"folder": "again", "pairs": 1, "classes": ["ground", "tree"]}


def test_all_faults_of_a_conversion_are_printed_before_the_one_line(here, capsys):
    (here / "labelme" / "b.json").write_text("{")
    words = ["labelme", "--from", "labelme", "--convert-to", "new", *NAMED]
    assert main(["data", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "a.json has no imageData" in err
    assert "b.json is no JSON" in err
    last = err.splitlines()[-1]
    assert last.startswith("simseg: 2 of 2 pictures cannot be converted, and nothing")
    assert not (here / "new").exists()


def test_the_book_shows_what_is_printed(capsys):
    page = (Path(__file__).parents[1] / "book" / "data.md").read_text()
    shown = page.partition("$ python -m simseg_core data street --part val\n")[2]
    assert shown.partition("```")[0] == say(capsys, "street", "--part", "val")


# --- mistakes ---------------------------------------------------------------------

TO = ["--convert-to", "new", "--from"]
MISTAKES = {
    "no source": ([], "required: SOURCE"),
    "no folder": (["gone"], "no folder has that name, and there are folder:PATH"),
    "unknown kind": (["coco:pics"], "there is no kind 'coco'"),
    "no path": (["voc"], "say where it lies, voc:PATH"),
    "a path too much": (["street:pics"], "street has no path, write street alone"),
    "not voc": (["voc:pics"], "no VOC 2012 in pics. Fetch"),
    "not pets": (["pets:pics"], "no Oxford-IIIT Pets in pics. Fetch"),
    "not cityscapes": (["cityscapes:pics"], "no Cityscapes in pics. Fetch"),
    "not ade": (["ade20k:pics"], "no ADE20K in pics. Fetch"),
    "no images": (["empty"], "no folder empty/images. The folder must look like"),
    "a file": (["folder:list.txt"], "list.txt is a file: give the folder"),
    "classes of street": (["street", *NAMED], "leave classes out"),
    "no part": (["pics", *NAMED, "--part", "val"], "pics has no part 'val'"),
    "other part": (["street", "--part", "test"], "invalid choice: 'test'"),
    "names twice": (["pics", "--classes", "a,a"], "write each once, with commas"),
    "no names": (["pics", "--classes", ""], "are no names"),
    "no JSON": (["pics", "--mask-values", "{0: 1}"], "is no JSON"),
    "no table": (["pics", "--mask-values", "[]"], "is no table"),
    "no value": (["pics", "--mask-values", '{"x": "a"}'], "mask values hold 'x'"),
    "no class": (["pics", "--mask-values", '{"0": null}'], "names no class"),
    "other order": (
        ["pics", "--mask-values", '{"0": "a", "1": "b"}', "--classes", "a"],
        "mask_values names ['b'], but the classes are ['a']",
    ),
    "suffix": (["pics", *NAMED, "--mask-suffix", "_m"], "no mask for oslo_1.png"),
    "suffix with ending": (
        ["pics", *NAMED, "--mask-suffix", "_m.png"], "--mask-suffix _m.png stands"
    ),
    "orientation": (["pics", "--mask-orientation", "left"], "invalid choice: 'left'"),
    "ignore": (["pics", "--ignore-index", "x"], "no whole number"),
    "share": (["pics", *NAMED, "--val-share", "1"], "'1' is no part"),
    "share as text": (["pics", *NAMED, "--val-share", "half"], "'half' is no part"),
    "group": (["pics", *NAMED, "--group", "x"], "finds no place in oslo_1, oslo_2"),
    "one group": (["pics", *NAMED, "--group", "_"], "finds one place, '_'"),
    "no regex": (["pics", *NAMED, "--group", "("], "is no regular expression"),
    "one list": (["pics", *NAMED, "--lists", "list.txt"], "expected 2 arguments"),
    "no list": (["pics", *NAMED, "--lists", "list.txt", "x.txt"], "no list x.txt"),
    "same list": (
        ["pics", *NAMED, "--lists", "list.txt", "list.txt"], "both hold oslo_1"
    ),
    "wrong list": (
        ["pics", *NAMED, "--lists", "list.txt", "wrong.txt"], "wrong.txt holds bern_1"
    ),
    "too few": (["binary", *NAMED, "--val-share", "0.5"], "1 sample is too few"),
    "sheet's name": (["pics", "--sheet", "s.jpg"], "is no figure: end its name with"),
    "sheet's place": (["pics", "--sheet", "x/s.png"], "there is no folder 'x'"),
    "nothing to draw": (["binary", *NAMED, "--sheet", "s.png"], "no pair can be read"),
    "from alone": (["pics", "--from", "coco"], "belong together; FORM is colours"),
    "to alone": (["pics", "--convert-to", "new"], "belong together; FORM is colours"),
    "form": (["pics", *TO, "yolo"], "invalid choice: 'yolo'"),
    "full": (
        ["coloured", "--convert-to", "full", "--from", "colours"],
        "full is there and not empty",
    ),
    "no parent": (
        ["coloured", "--convert-to", "x/new", "--from", "colours"], "no folder x: make"
    ),
    "no colours": (["coloured", *TO, "colours"], '--mask-values \'{"0,0,0": "backgr'),
    "sheet of old": (
        ["pics", *TO, "colours", *NAMED, "--sheet", "s.png"],
        "--sheet is of no use with --convert-to: convert first, then run data new",
    ),
    "crowd": (["pics", *TO, "colours", "--crowd", "class"], "is for --from coco"),
    "images": (["pics", "--images", "x"], "is for --from labelme or --from coco"),
    "values": (
        ["labelme", *TO, "labelme", "--mask-values", '{"0": "a"}'],
        "--mask-values is for --from colours",
    ),
    "order": (["labelme", *TO, "labelme"], "--classes background,cat"),
    "no JSON there": (["empty", *TO, "coco"], "no JSON file in empty"),
    "no coco": (["labelme", *TO, "coco"], "is no JSON of COCO"),
    "images gone": (["labelme", *TO, "coco", "--images", "x"], "no folder x, where"),
    "nothing there": (["gone", *TO, "coco"], "no folder or file gone"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_says_how_to_mend_it(here, capsys, mistake):
    words, told = MISTAKES[mistake]
    assert main(["data", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert len(err.splitlines()) == 1
    assert err.startswith("simseg: ")
    assert not (here / "new").exists()
    assert not (here / "s.png").exists()


def test_there_are_enough_of_them():
    assert len(MISTAKES) >= 25


def test_help_is_given_without_torch(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["data", "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "SOURCE is a folder with images/ and masks/" in out
    assert "MODEL" not in out
