"""A run's scores on a data set, and two runs against each other."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from PIL import Image
from torch import Tensor

from simseg_core.data import MaskValues
from simseg_core.runs import (
    Evaluation,
    Network,
    Plan,
    Predictor,
    compare_runs,
    evaluate_run,
    train,
)
from simseg_core.runs.checkpoint import BEST, save_trained
from simseg_core.runs.scored_pictures import open_for
from simseg_core.training import ScoreMeter
from tests.models.tiny import shown

CLASSES = ("sky", "road", "pole")
VOID = 255


class Source(list):
    """Raw pairs of several sizes, one of them void alone."""

    classes, ignore_index = CLASSES, VOID
    names = ("a", "b", "c", "void")

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        sizes = [(20, 30), (33, 17), (24, 24), (16, 16)]
        for size in sizes:
            image = torch.rand(3, *size, generator=generator)
            label = torch.randint(0, 3, size, generator=generator)
            label[torch.rand(size, generator=generator) < 0.2] = VOID
            self.append((image, label))
        self[-1][1][:] = VOID


def predictor(seed: int = 0, **settings: object) -> Predictor:
    torch.manual_seed(seed)
    network = Network("unet_padded", CLASSES, preset="tiny", **settings)  # type: ignore[arg-type]
    return Predictor(network, shown(network.build()), device="cpu")


def counted(pairs: list[tuple[Tensor, Tensor]]) -> np.ndarray:
    """Count pixels by label and prediction, one by one."""
    found = np.zeros((3, 3), dtype=int)
    for predicted, label in pairs:
        for p, t in zip(predicted.flatten().tolist(), label.flatten().tolist()):
            if t != VOID:
                found[t, p] += 1
    return found


def iou(confusion: np.ndarray) -> list[float]:
    hits = confusion.diagonal()
    union = confusion.sum(0) + confusion.sum(1) - hits
    return [h / u for h, u in zip(hits, union) if u]


# --- one run ----------------------------------------------------------------------


def test_scores_equal_a_count_of_pixels() -> None:
    source, one = Source(), predictor()
    found = evaluate_run(one, source, name="mine")
    pairs = [(one(image).label, label) for image, label in source]
    matrix = counted(pairs)
    assert np.array_equal(found.confusion.numpy(), matrix)
    assert list(found.scores.iou.values()) == pytest.approx(iou(matrix))
    accuracy = matrix.trace() / matrix.sum()
    assert found.scores.pixel_accuracy == pytest.approx(accuracy)
    for name, pair in zip("abc", pairs):
        alone = iou(counted([pair]))
        assert found.pictures[name] == pytest.approx(sum(alone) / len(alone))
    assert math.isnan(found.pictures["void"])
    assert set(found.worst()) == set("abc")
    assert found.worst(1) == [min("abc", key=found.pictures.__getitem__)]


def test_the_meters_matrix_is_of_labels_by_predictions() -> None:
    meter = ScoreMeter(["sky", "road"])
    label = torch.tensor([[[0, 0, 0, VOID]]])
    meter.update(torch.tensor([[[0, 1, 1, 1]]]), label)
    assert meter.confusion.tolist() == [[1, 2], [0, 0]]


def test_a_runs_folder_is_enough(tmp_path: Path) -> None:
    one = predictor()
    save_trained(tmp_path / BEST, one.model, one.network, step=1, scores={})
    found = evaluate_run(tmp_path, Source())
    assert found.run == str(tmp_path)
    assert found.scores == evaluate_run(one, Source()).scores


def test_the_table_tells_every_class_and_the_worst() -> None:
    found = evaluate_run(predictor(), Source(), name="mine")
    text = str(found)
    assert text.startswith("Scores of mine on 4 pictures")
    for name in CLASSES:
        assert f"{found.scores.iou[name]:.3f}" in text
    assert f"{found.scores.miou:.3f}" in text
    assert f"Lowest mean IoU of a picture: {found.worst(1)[0]} " in text
    assert "<table>" in found._repr_html_()


def test_json_has_no_nan() -> None:
    plain = evaluate_run(predictor(), Source()).to_dict()
    again = json.loads(json.dumps(plain, allow_nan=False))
    assert again["pictures"]["void"] is None
    assert again["run"] == "UNetPadded"
    assert np.array(again["confusion"]).shape == (3, 3)


def test_figures_and_numbers_are_written(tmp_path: Path) -> None:
    out = tmp_path / "deep/out"
    found = evaluate_run(predictor(), Source(), out=out)
    (out / "scores.json").write_text("dear")
    with pytest.raises(FileExistsError, match=r"scores\.json and 2 more would be"):
        evaluate_run(predictor(), Source(), out=out)
    assert (out / "scores.json").read_text() == "dear"
    evaluate_run(predictor(), Source(), out=out, force=True)
    files = sorted(path.name for path in out.iterdir())
    assert files == ["confusion.png", "scores.json", "worst.png"]
    assert json.loads((out / "scores.json").read_text()) == found.to_dict()
    for name in ("confusion.png", "worst.png"):
        pixels = imread(out / name)[..., :3]
        assert pixels.min() < 0.5 < pixels.max()
        about = Image.open(out / name).info["Description"]
        assert "sky" in about or "a: mean IoU" in about


def test_a_folder_is_read_as_the_networks_own_was(tmp_path: Path) -> None:
    """Nobody types the classes that the run knows."""
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "images/a.png")
    Image.fromarray(pixels[..., 0] % 3).save(tmp_path / "masks/a.png")
    found = evaluate_run(predictor(), f"folder:{tmp_path}")
    assert found.confusion.sum() == 400
    # A table of values is the network's, too.
    table = MaskValues({0: "sky", 100: "road", 200: "pole"})
    Image.fromarray(pixels[..., 0] % 3 * 100).save(tmp_path / "masks/a.png")
    again = evaluate_run(predictor(mask_values=table), f"folder:{tmp_path}")
    assert again.scores == found.scores


def paired(root: Path, masks: dict[str, np.ndarray], suffix: str = "") -> str:
    """Write noise with these masks, and give the folder as a source."""
    noise = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for name, mask in masks.items():
        pixels = noise.integers(0, 256, (*mask.shape, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"images/{name}.png")
        Image.fromarray(mask.astype(np.uint8)).save(root / f"masks/{name}{suffix}.png")
    return f"folder:{root}"


def begun(folder: Path, plan: Plan, sides: dict[str, dict[str, int]]) -> Predictor:
    """What `train` leaves in a run's folder, loaded."""
    folder.mkdir()
    one = predictor(mask_values=plan.mask_values or MaskValues.indices(CLASSES))
    save_trained(folder / BEST, one.model, one.network, step=1, scores={})
    (folder / "run.json").write_text(json.dumps({"plan": plan.to_dict()}))
    (folder / "pictures.json").write_text(json.dumps(sides))
    return Predictor.load(folder, device="cpu")


HALVES = np.repeat([[0, 255]], 16, axis=0).repeat(8, axis=1)


def test_masks_of_0_and_255_are_doubted_though_the_run_has_a_table(
    tmp_path: Path,
) -> None:
    """Trained on 0, 1, 2, a run has the table that names alone make."""
    source = paired(tmp_path / "in", {"a": HALVES, "b": 0 * HALVES})
    plan = Plan(source, classes=CLASSES)
    one = begun(tmp_path / "run", plan, {})
    with pytest.raises(ValueError, match=r"holds only 0 and 255.*mask_values="):
        evaluate_run(one, source)
    said = open_for(one, source, mask_values=MaskValues({0: "sky", 255: None}, CLASSES))
    assert evaluate_run(one, said).confusion.sum() == 16 * 16 * 3 / 2
    # A run that was told what 255 is knows it.
    tables = MaskValues({0: "sky", 255: "road"}, CLASSES), MaskValues.indices(CLASSES)
    for number, (table, share) in enumerate(zip(tables, (1, 0.75))):
        plan = Plan(source, mask_values=table)
        told = begun(tmp_path / f"told{number}", plan, {})
        assert evaluate_run(told, source).confusion.sum() == 512 * share
    told = begun(tmp_path / "ignoring", Plan(source, ignore_index=255), {})
    assert evaluate_run(told, source).confusion.sum() == 512 * 0.75


def test_the_masks_names_are_those_of_the_run(tmp_path: Path) -> None:
    label = HALVES // 255
    source = paired(tmp_path / "in", {"a": label}, suffix="_mask")
    plain = paired(tmp_path / "plain", {"a": label})
    one = begun(tmp_path / "run", Plan(source, mask_suffix="_mask"), {})
    expected = evaluate_run(one, plain)  # other names are found as well
    assert evaluate_run(one, source).scores == expected.scores
    with pytest.raises(FileNotFoundError, match="no mask for a"):
        open_for(one, source, mask_suffix="_label")


@pytest.fixture
def halfway(tmp_path: Path) -> tuple[Predictor, str]:
    """A run that trained on a and b of five pictures, and held c and d out."""
    masks = dict.fromkeys("abcde", HALVES // 255)
    source = paired(tmp_path / "in", masks)
    sizes = {
        name: sum(
            (tmp_path / "in" / kind / f"{name}.png").stat().st_size
            for kind in ("images", "masks")
        )
        for name in "abcd"
    }
    sides = {
        "train": {name: sizes[name] for name in "ab"},
        "val": {"c": sizes["c"], "d": sizes["d"] + 1},  # d is another file now
    }
    return begun(tmp_path / "run", Plan(source), sides), source


def test_pictures_that_a_run_trained_on_are_told(
    halfway: tuple[Predictor, str],
) -> None:
    one, source = halfway
    note = "^mine trained on 2 of these 5 pictures: --part val scores the held-out"
    with pytest.warns(UserWarning, match=note):
        evaluate_run(one, source, name="mine")


@pytest.mark.parametrize(("part", "names"), [("val", "c"), ("train", "ab")])
@pytest.mark.filterwarnings("ignore:.* trained on 2 of these 2")
def test_a_part_is_that_of_the_run(
    part: str, names: str, halfway: tuple[Predictor, str]
) -> None:
    one, source = halfway
    chosen = open_for(one, source, part=part)
    assert list(evaluate_run(one, chosen).pictures) == list(names)
    whole = open_for(one, source)
    for name, (image, label) in zip(chosen.names, chosen):
        assert image.equal(whole[whole.names.index(name)][0])
        assert label.shape == (16, 16)


def test_the_held_out_part_has_the_score_of_the_training(
    cells: Path, tmp_path: Path
) -> None:
    source = f"folder:{cells}"
    result = train(
        source,
        classes=("background", "cell"),
        preset="tiny",
        steps=2,
        batch_size=2,
        crop=32,
        out=tmp_path / "run",
        device="cpu",
        progress=False,
    )
    one = Predictor.load(result.out, device="cpu")
    found = evaluate_run(one, open_for(one, source, part="val"))
    assert len(found.pictures) == 2
    assert found.scores.miou == pytest.approx(result.best["miou"])


def test_a_part_without_a_picture_is_refused(
    halfway: tuple[Predictor, str], tmp_path: Path
) -> None:
    one, _ = halfway
    other = paired(tmp_path / "other", {"z": HALVES // 255})
    with pytest.raises(ValueError, match=r"none of the pictures.*leave --part out"):
        open_for(one, other, part="val")


def test_pictures_of_which_no_pixel_counts_are_refused() -> None:
    source = Source()
    for _, label in source:
        label[:] = VOID
    with pytest.raises(ValueError, match="no pixel of these pictures counts"):
        evaluate_run(predictor(), source)


def test_what_has_parts_is_scored_on_its_validation_part() -> None:
    from simseg_core.data import Street

    street = Street("val")
    network = Network("unet_padded", street.classes, preset="tiny")
    one = Predictor(network, shown(network.build()), device="cpu")
    found = evaluate_run(one, "street")
    assert next(iter(found.pictures)).startswith("val_")
    assert len(found.pictures) == len(street)


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        (("sky", "road"), "the data lack 'pole'"),
        (("sky", "road", "pole", "cat"), "the data have 'cat' besides"),
        (("sky", "road", "post"), "lack 'pole' and have 'post' besides"),
        (("road", "sky", "pole"), "have them in another order"),
    ],
)
def test_other_classes_are_refused(classes: tuple[str, ...], told: str) -> None:
    source = Source()
    source.classes = classes  # type: ignore[assignment]
    with pytest.raises(ValueError, match=told):
        evaluate_run(predictor(), source)


# --- two runs ---------------------------------------------------------------------


def test_two_runs_are_compared_picture_by_picture() -> None:
    one, other = (
        evaluate_run(predictor(seed), Source(), name=f"runs/{seed}") for seed in (0, 1)
    )
    found = compare_runs(one, other)
    ahead = sum(one.pictures[name] > other.pictures[name] for name in "abc")
    assert found.leads == (ahead, 3 - ahead)
    text = str(found)
    assert text.startswith("runs/0 against runs/1")
    assert f"{one.scores.miou - other.scores.miou:+.3f}" in text
    for name in CLASSES:
        assert f"IoU of {name}" in text
    assert f"higher mean IoU on {ahead}, runs/1 on {3 - ahead}" in text
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["one"] == one.to_dict()


def test_a_run_against_itself_leads_nowhere() -> None:
    one = evaluate_run(predictor(), Source())
    assert compare_runs(one, one).leads == (0, 0)


def test_runs_on_other_pictures_are_not_compared() -> None:
    one = evaluate_run(predictor(), Source())
    fewer = Evaluation("other", one.scores, one.confusion, {"a": 0.5})
    with pytest.raises(ValueError, match="on other pictures"):
        compare_runs(one, fewer)


def test_a_source_without_names_is_numbered() -> None:
    class Unnamed(Source):
        names = ()

    found = evaluate_run(predictor(), Unnamed())
    assert list(found.pictures) == ["0", "1", "2", "3"]
