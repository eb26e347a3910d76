"""The loop on toy networks: it learns, repeats itself, and explains what is wrong."""

import math
import multiprocessing
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.data import DataLoader, RandomSampler, random_split

from simseg_core.training import (
    evaluate,
    fit,
    inverse_sqrt_frequency,
    pick_device,
    run_seeds,
)
from simseg_core.training.checks import centre_crop

VOID = 255
Pairs = list[tuple[Tensor, Tensor]]


def toy(channels: int = 3, classes: int = 3, padding: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=padding),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Conv2d(16, classes, 3, padding=padding),
    )


def four_images(channels: int = 3) -> Pairs:
    """Each class is a colour in noise, in a rectangle of its own."""
    generator = torch.Generator().manual_seed(0)
    pairs = []
    for number in range(4):
        label = torch.zeros(16, 20, dtype=torch.long)
        label[2 + number : 9 + number, 3:12] = 1
        label[10:, 12:] = 2
        image = nn.functional.one_hot(label, channels).permute(2, 0, 1).float()
        noise = 0.1 * torch.randn(image.shape, generator=generator)
        pairs.append((image + noise, label))
    return pairs


def train(model: nn.Module, pairs: Pairs, **options: object) -> list[float]:
    settings = {"steps": 5, "device": "cpu", "progress": False, **options}
    return fit(model, pairs, **settings).losses


def test_fit_overfits_four_images() -> None:
    model = toy()
    before = evaluate(model, four_images(), device="cpu").miou
    losses = train(model, four_images(), steps=60, batch_size=4)
    scores = evaluate(model, four_images(), device="cpu")
    assert losses[-1] < 0.1 * losses[0]
    assert scores.miou > 0.97 > before
    assert len(losses) == 60


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    def run(seed: int) -> tuple[list[float], Tensor]:
        torch.manual_seed(7)
        model = toy()
        torch.rand(seed)  # the global state before the call may not matter
        losses = train(model, four_images(), batch_size=2, seed=seed)
        return losses, nn.utils.parameters_to_vector(model.parameters())

    assert run(1)[0] == run(1)[0]
    assert run(1)[1].equal(run(1)[1])
    assert run(1)[0] != run(2)[0]


def test_the_callers_random_state_is_left_alone() -> None:
    model = toy()
    state = torch.get_rng_state()
    train(model, four_images())
    assert torch.get_rng_state().equal(state)


class Spy(list):  # type: ignore[type-arg]
    """Pairs that note in which order they are asked for."""

    def __init__(self) -> None:
        super().__init__(four_images())
        self.seen: list[int] = []

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        self.seen.append(index)
        return super().__getitem__(index)


def test_every_image_is_seen_once_before_any_is_seen_again() -> None:
    train(toy(), pairs := Spy(), steps=6, batch_size=2)
    assert len(pairs.seen) == 12
    assert all(sorted(pairs.seen[i : i + 4]) == [0, 1, 2, 3] for i in (0, 4, 8))


def test_the_order_of_images_is_the_samplers_after_two_draws() -> None:
    """The numbers in the book rest on it."""
    train(toy(), pairs := Spy(), steps=6, batch_size=2, seed=11)
    torch.manual_seed(11)
    for _ in range(2):
        torch.empty((), dtype=torch.int64).random_()
    assert pairs.seen == list(RandomSampler(range(4), num_samples=12))


def test_the_rate_rises_to_its_peak_and_falls() -> None:
    history = fit(
        toy(), four_images(), steps=20, max_lr=0.01, device="cpu", progress=False
    )
    rates = history.learning_rates
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.01, rel=0.02)
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


@pytest.mark.parametrize("steps", [1, 2])
def test_very_short_trainings_run_without_a_warning(steps: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(train(toy(), four_images(), steps=steps)) == steps


def test_smaller_logits_are_compared_with_the_centre_of_the_label() -> None:
    valid = toy(padding=0)  # 16 x 20 -> 12 x 16
    losses = train(valid, four_images(), steps=60, batch_size=4)
    assert losses[-1] < 0.1 * losses[0]  # a crop off by one leaves the edges wrong
    assert evaluate(valid, four_images(), device="cpu").miou > 0.97


def test_centre_crop_keeps_height_and_width_apart() -> None:
    label = torch.arange(8 * 12).view(1, 8, 12)
    assert centre_crop(label, (4, 10)).equal(label[:, 2:6, 1:11])


def test_void_pixels_teach_nothing() -> None:
    def gradient(fill: int, pairs: Pairs) -> Tensor:
        torch.manual_seed(0)
        model = toy()
        voided = []
        for image, label in pairs:
            label = label.clone()
            label[:, :4] = fill
            voided.append((image, label))
        train(model, voided, steps=1, batch_size=4)
        return nn.utils.parameters_to_vector(model.parameters())

    flipped = [(i, torch.cat([2 - t[:, :4], t[:, 4:]], 1)) for i, t in four_images()]
    assert gradient(VOID, four_images()).equal(gradient(VOID, flipped))
    assert not gradient(VOID, four_images()).equal(gradient(1, four_images()))


class Told(list):  # type: ignore[type-arg]
    """Pairs that say which label does not count, and what the others are called."""

    classes = ("ground", "box", "corner")
    ignore_index = 0


def test_the_label_that_a_data_set_ignores_is_neither_trained_nor_scored() -> None:
    """Class 0 is void here: what is on it changes no weight, weighs and scores nothing.

    Beside it stand the same pairs with 255, the usual void, in its place.
    """
    told = Told(four_images())
    usual = [(image, label.masked_fill(label == 0, VOID)) for image, label in told]
    some = random_split(told, [3, 1], torch.Generator().manual_seed(0))[0]
    same = [usual[i] for i in some.indices]

    def run(pairs: Any) -> tuple[list[float], dict[str, float], Tensor]:
        torch.manual_seed(0)
        model = toy()
        losses = train(model, pairs, steps=3, batch_size=2)
        scores = evaluate(model, pairs, classes=Told.classes, device="cpu")
        weights = inverse_sqrt_frequency(pairs, num_classes=3)
        return losses, scores.boundary_iou | scores.iou, weights

    for one, other in ((told, usual), (some, same)):
        (losses, iou, weights), (wanted, wanted_iou, wanted_weights) = (
            run(one),
            run(other),
        )
        assert losses == wanted
        assert iou == pytest.approx(wanted_iou, nan_ok=True)
        assert weights.equal(wanted_weights)


def test_the_ignored_label_of_the_call_takes_precedence() -> None:
    model, told = toy(), Told(four_images())
    scores = evaluate(model, told, ignore_index=VOID, device="cpu")
    assert scores == evaluate(model, list(told), classes=Told.classes, device="cpu")
    runs = run_seeds(
        toy, told, told, seeds=[0], steps=1, ignore_index=2, progress=False
    )
    assert not runs.scores[0].iou["corner"] > 0  # no pixel of it counts


def test_a_subset_is_scored_by_its_data_sets_names() -> None:
    part = random_split(Told(four_images()), [3, 1])[0]
    assert tuple(evaluate(toy(), part, device="cpu").iou) == Told.classes
    assert inverse_sqrt_frequency(part).shape == (3,)


def test_class_weights_reach_the_loss() -> None:
    pairs = four_images()

    def first_loss(weights: list[float]) -> float:
        torch.manual_seed(0)
        weight = torch.tensor(weights, dtype=torch.float32)
        options = {"steps": 1, "batch_size": 4, "class_weights": weight}
        return train(toy().eval(), pairs, **options)[0]

    assert first_loss([1, 1, 1]) == pytest.approx(first_loss([2, 2, 2]))
    assert first_loss([1, 0, 0]) != pytest.approx(first_loss([0, 0, 1]))


def test_rare_classes_weigh_by_the_inverse_root_of_their_pixels() -> None:
    label = torch.full((10, 10), VOID)
    label[0, :1], label[1, :4], label[2:4, :8] = 0, 1, 2
    weights = inverse_sqrt_frequency([(None, label)], num_classes=4)
    assert weights[:3].mean() == pytest.approx(1)
    assert (weights[0] / weights[:3]).tolist() == pytest.approx([1, 2, 4])
    assert weights.isfinite().all()


def test_weights_of_no_class_or_no_pixel_are_refused() -> None:
    with pytest.raises(ValueError, match="say num_classes="):
        inverse_sqrt_frequency(four_images())
    void = [(None, torch.full((2, 2), VOID))]
    with pytest.raises(ValueError, match=r"none of the 1 labels .* all are 255"):
        inverse_sqrt_frequency(void, num_classes=2)
    with pytest.raises(ValueError, match="whole class numbers"):
        inverse_sqrt_frequency([(None, torch.ones(2, 2) / 255)], num_classes=2)


def test_class_weights_fit_the_classes() -> None:
    with pytest.raises(ValueError, match=r"\(2,\), but the model gives 3 classes"):
        train(toy(), four_images(), class_weights=torch.ones(2))


@pytest.mark.parametrize(
    ("weights", "error", "told"),
    [
        ("balanced", TypeError, "'balanced' must be one number a class"),
        ({0: 1.0, 1: 2.0}, TypeError, "must be one number a class"),
        ([1.0, math.nan, 1.0], ValueError, "must be finite and 0 or more"),
        ([1.0, -1.0, 1.0], ValueError, "must be finite and 0 or more"),
        ([0.0, 0.0, 0.0], FloatingPointError, "every pixel .* class weight 0"),
    ],
)
def test_class_weights_that_cannot_be_are_named(
    weights: Any, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        train(toy(), four_images(), class_weights=weights)


@pytest.mark.parametrize("amp", [True, torch.bfloat16, torch.float16])
def test_mixed_precision_learns_too(amp: bool | torch.dtype) -> None:
    types = []
    model = toy()
    model[0].register_forward_hook(lambda *args: types.append(args[2].dtype))
    losses = train(model, four_images(), steps=40, batch_size=4, amp=amp)
    assert set(types) == {torch.bfloat16 if amp is True else amp}
    assert losses[-1] < 0.5 * losses[0]
    assert next(model.parameters()).dtype == torch.float32


def test_a_batch_of_one_works_where_batchnorm_sees_many_pixels() -> None:
    assert math.isfinite(train(toy(), four_images(), batch_size=1)[-1])


def test_batchnorm_of_a_single_value_says_what_to_do() -> None:
    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.local = nn.Conv2d(3, 3, 1)
            self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3))

        def forward(self, x: Tensor) -> Tensor:
            return self.local(x) + self.pooled(x)

    with pytest.raises(ValueError, match="batch_size=2 or more"):
        train(Pooled(), four_images(), batch_size=1)
    assert math.isfinite(train(Pooled(), four_images(), batch_size=2)[-1])


def test_a_label_out_of_range_is_named_with_the_number_of_classes() -> None:
    pairs = [
        (image, label.masked_fill(label == 2, 17)) for image, label in four_images()
    ]
    with pytest.raises(ValueError, match=r"label 17 .* 3 classes: 0 to 2, or 255"):
        train(toy(), pairs)
    with pytest.raises(ValueError, match="label 17"):
        evaluate(toy(), pairs, device="cpu")


def test_a_label_below_0_may_be_one_to_ignore() -> None:
    pairs = [(image, label - 1) for image, label in four_images()]
    with pytest.raises(ValueError, match=r"label -1 .*to ignore.*ignore_index=-1") as e:
        train(toy(), pairs)
    assert "more classes" not in str(e.value)
    assert math.isfinite(train(toy(), pairs, ignore_index=-1)[-1])


def test_names_may_be_in_any_sequence_but_not_alike() -> None:
    model, names = toy(), ("a", "b", "c")
    for given in (names, np.array(names), (name for name in names)):
        scores = evaluate(model, four_images(), classes=given, device="cpu")
        assert tuple(scores.iou) == names
    with pytest.raises(ValueError, match=r"two classes alike"):
        evaluate(model, four_images(), classes=["a", "b", "a"], device="cpu")


def test_wrong_channels_are_named() -> None:
    with pytest.raises(ValueError, match=r"images have 4 channels.*in_channels=4"):
        train(toy(channels=3), four_images(channels=4))


def test_labels_that_do_not_cover_the_logits_are_refused() -> None:
    pairs = [(image, label[:, 1:]) for image, label in four_images()]
    with pytest.raises(ValueError, match=r"\(4, 16, 19\) do not cover"):
        train(toy(), pairs, batch_size=4)


def test_a_model_that_returns_no_tensor_is_refused() -> None:
    class Named(nn.Module):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"out": x}

    with pytest.raises(TypeError, match=r"logits \(B, num_classes, h, w\).*dict"):
        evaluate(Named(), four_images(), device="cpu")


def test_other_errors_of_the_model_pass_unchanged() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("of its own")

    with pytest.raises(RuntimeError, match=r"^of its own$"):
        evaluate(Broken(), four_images(), device="cpu")


def test_a_loss_that_is_not_finite_stops_at_its_step() -> None:
    pairs = four_images()
    order: list[int] = []

    class Poisoned(list):  # type: ignore[type-arg]
        def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:  # type: ignore[override]
            order.append(index)
            image, label = super().__getitem__(index)
            return (image * math.nan if len(order) == 3 else image), label

    model = toy()
    with pytest.raises(FloatingPointError, match=r"nan at step 2: .*max_lr"):
        train(model, Poisoned(pairs), batch_size=1)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_a_model_that_gives_nan_is_not_scored() -> None:
    model = toy()
    model[-1].bias.data.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="NaN in 2 of 2 batches"):
        evaluate(model, four_images(), device="cpu", batch_size=2)


def test_a_model_that_was_scored_can_be_trained() -> None:
    """What it makes and keeps while it is scored takes part in training."""

    class Remembers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.slope = nn.LazyConv2d(3, 1), None

        def forward(self, x: Tensor) -> Tensor:
            if self.slope is None:
                self.slope = torch.linspace(1, 2, x.shape[-1])
            return self.net(x) * self.slope

    model = Remembers()
    evaluate(model, four_images(), device="cpu")
    assert math.isfinite(train(model, four_images())[-1])


def test_what_cannot_be_trained_is_told_why() -> None:
    frozen = toy().requires_grad_(False)
    with pytest.raises(RuntimeError, match=r"no parameter .*requires_grad_\(True\)"):
        train(frozen, four_images())
    train(frozen.requires_grad_(True), four_images())
    with (
        pytest.raises(RuntimeError, match=r"under torch\.no_grad\(\)"),
        torch.no_grad(),
    ):
        train(toy(), four_images())
    for run in (train, lambda *given: evaluate(*given, device="cpu")):
        with pytest.raises(TypeError, match=r"torch\.nn\.Module, not function"):
            run(lambda image: image, four_images())


def test_a_batch_of_nothing_but_void_is_named_as_the_cause() -> None:
    pairs = [(image, torch.full_like(label, VOID)) for image, label in four_images()]
    with pytest.raises(FloatingPointError, match=r"every pixel .* labelled 255"):
        train(toy(), pairs)


@pytest.mark.parametrize("name", ["steps", "batch_size"])
def test_halves_of_steps_and_images_are_refused(name: str) -> None:
    with pytest.raises(TypeError, match=rf"{name}=2\.5 must be a whole number"):
        train(toy(), four_images(), **{name: 2.5})


@pytest.mark.parametrize("options", [{"steps": 0}, {"batch_size": 0}])
def test_nothing_to_train_on_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must all be 1 or more"):
        train(toy(), four_images(), **options)


def test_empty_data_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="a data set of 0 images"):
        train(toy(), [])
    with pytest.raises(ValueError, match="nothing to score"):
        evaluate(toy(), [], device="cpu")


@pytest.mark.parametrize(
    ("dataset", "told"),
    [
        (DataLoader(four_images()), r"loader\.dataset"),
        ((pair for pair in four_images()), r"generator is not: list\(\.\.\.\)"),
        ({"train": four_images()}, "a dict of 'train' is no data set"),
    ],
)
def test_what_is_no_data_set_is_told_what_to_give(dataset: Any, told: str) -> None:
    for run in (
        lambda: train(toy(), dataset),
        lambda: evaluate(toy(), dataset, device="cpu"),
        lambda: inverse_sqrt_frequency(dataset, 3),
    ):
        with pytest.raises(TypeError, match=told):
            run()


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_fault_of_the_pairs_reads_the_same_from_a_worker(num_workers: int) -> None:
    image, label = four_images()[0]
    pairs = [(image, label), (image[:, 1:], label[1:])]
    for run in (train, evaluate):
        with pytest.raises(ValueError, match=r"^images of \(3, 15, 20\) and"):
            run(toy(), pairs, batch_size=2, num_workers=num_workers, device="cpu")


def test_evaluation_does_not_depend_on_the_batch_and_names_the_classes() -> None:
    model = toy()
    train(model, four_images())
    names = ["ground", "box", "corner"]
    one, all_ = (
        evaluate(model, four_images(), batch_size=b, classes=names, device="cpu")
        for b in (1, 4)
    )
    assert one.iou == pytest.approx(all_.iou)
    assert list(one.iou) == names
    with pytest.raises(ValueError, match="names 2: build the model with num_classes=2"):
        evaluate(model, four_images(), classes=names[:2], device="cpu")


def test_evaluation_uses_the_running_statistics() -> None:
    model = toy()
    train(model, four_images())
    before = [b.clone() for b in model.buffers()]
    evaluate(model.train(), four_images(), device="cpu")
    assert all(a.equal(b) for a, b in zip(before, model.buffers()))


def test_run_seeds_repeats_each_seed_from_its_own_weights() -> None:
    options = {"steps": 4, "device": "cpu", "progress": False, "batch_size": 2}
    runs = run_seeds(toy, four_images(), four_images(), seeds=[3, 5], **options)
    again = run_seeds(toy, four_images(), four_images(), seeds=[5, 3], **options)
    assert list(runs.scores) == [3, 5]
    assert runs.scores[5] == again.scores[5]
    assert runs.losses[3] == again.losses[3]
    assert runs.losses[3] != runs.losses[5]


def test_run_seeds_is_the_loop_that_one_would_write_by_hand() -> None:
    """From the same weights to the same network, which it hands over."""
    options = {"steps": 3, "device": "cpu", "progress": False, "batch_size": 2}
    pairs = four_images()
    runs = run_seeds(toy, pairs, pairs, seeds=[3, 5], **options)
    assert list(runs.models) == [3, 5]
    for seed, model in runs.models.items():
        torch.manual_seed(seed)
        by_hand = toy()
        history = fit(by_hand, pairs, seed=seed, **options)
        assert runs.losses[seed] == history.losses
        assert runs.scores[seed] == evaluate(by_hand, pairs, device="cpu")
        for one, other in zip(
            model.state_dict().values(), by_hand.state_dict().values(), strict=True
        ):
            assert one.equal(other)


def test_boundary_iou_can_be_left_out() -> None:
    model, pairs = toy(), four_images()
    with_it, without = (
        evaluate(model, pairs, boundary=b, device="cpu") for b in (True, False)
    )
    assert without.boundary_iou == {}
    assert without.iou == with_it.iou
    assert "boundary" not in str(without)
    assert "boundary" in str(with_it)
    runs = run_seeds(
        toy, pairs, pairs, seeds=[0], steps=1, boundary=False, progress=False
    )
    assert runs.scores[0].boundary_iou == {}
    with pytest.raises(ValueError, match="boundary IoU was not scored"):
        runs.values("boundary_miou")


class Stopped(nn.Module):
    """A network during whose third batch the user stops, or something fails."""

    def __init__(self, kind: type[BaseException]) -> None:
        super().__init__()
        self.network, self.kind, self.batches = toy(), kind, 0

    def forward(self, x: Tensor) -> Tensor:
        self.batches += 1
        if self.batches == 3:
            raise self.kind
        return self.network(x)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_training_that_is_stopped_keeps_its_history(
    kind: type[BaseException], num_workers: int
) -> None:
    torch.manual_seed(0)
    model = Stopped(kind)
    options = {"steps": 7, "batch_size": 2}
    state = torch.get_rng_state()
    with pytest.raises(kind) as stop:
        train(model, four_images(), **options, num_workers=num_workers)
    assert torch.get_rng_state().equal(state)
    assert not any(module.training for module in model.modules())
    assert not multiprocessing.active_children()  # though the error is still kept
    assert "Stopped after 2 of 7 steps; error.history" in "".join(stop.value.__notes__)

    torch.manual_seed(0)
    whole = train(Stopped(SystemError).network, four_images(), **options)
    assert stop.value.history.losses == whole[:2]
    assert len(stop.value.history.learning_rates) == 2


class Halting(list):  # type: ignore[type-arg]
    """Pairs of which the last cannot be read."""

    def __init__(self, kind: type[BaseException]) -> None:
        super().__init__(four_images())
        self.kind = kind

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        if index == 3:
            raise self.kind
        return super().__getitem__(index)


@pytest.mark.parametrize(
    ("kind", "num_workers"), [(KeyboardInterrupt, 0), (ZeroDivisionError, 1)]
)
def test_a_training_stopped_while_it_loads_is_left_alike(
    kind: type[BaseException], num_workers: int
) -> None:
    """The error's traceback holds the loader then, and must not hold its workers."""
    model = toy()
    with pytest.raises(kind) as stop:
        train(model, Halting(kind), batch_size=1, seed=1, num_workers=num_workers)
    assert len(stop.value.history.losses) < 4
    assert not model.training
    assert not multiprocessing.active_children()


def test_an_error_before_the_first_step_says_nothing_of_steps() -> None:
    model = nn.Identity()  # nothing to train
    with pytest.raises(ValueError, match="empty parameter list") as stop:
        train(model, four_images())
    assert not model.training
    assert not hasattr(stop.value, "__notes__")


def test_seeds_that_are_stopped_keep_the_runs_that_were_done() -> None:
    builds: list[Callable[[], nn.Module]] = [
        toy,
        toy,
        lambda: Stopped(KeyboardInterrupt),
    ]
    options = {"steps": 3, "device": "cpu", "progress": False}
    with pytest.raises(KeyboardInterrupt) as stop:
        run_seeds(
            lambda: builds.pop(0)(), *[four_images()] * 2, seeds=range(9), **options
        )
    done = run_seeds(toy, *[four_images()] * 2, seeds=[0, 1], **options)
    assert stop.value.runs == done
    assert list(stop.value.runs.models) == [0, 1]
    assert "Stopped after 2 of 9 seeds" in "".join(stop.value.__notes__)
    assert len(stop.value.history.losses) == 2  # of the seed that was not


class OnDevice(Tensor):
    """Marks the tensors that were moved to the device, and all that comes of them."""


class AppleGPU(TorchFunctionMode):
    """Refuses float64 on the device, as Apple's GPUs do; the device is a mark here."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        moved = any(isinstance(one, torch.device) for one in (*args, *(kwargs or {})))
        if func is Tensor.to and moved and not isinstance(args[0], nn.Parameter):
            result = result.as_subclass(OnDevice)
        if func is Tensor.cpu:
            return result.as_subclass(Tensor)
        if isinstance(result, OnDevice) and result.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return result


def test_nothing_on_the_device_is_a_float64() -> None:
    """Neither made there, nor moved there: images, class weights and scores."""
    pairs = [(image.double(), label) for image, label in four_images()]
    weights = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    model = toy()
    with AppleGPU():
        assert (torch.ones(2).to(torch.device("cpu")) + 1).float() is not None
        with pytest.raises(TypeError, match="MPS"):
            torch.ones(2).to(torch.device("cpu")).sum().double()
        losses = train(model, pairs, class_weights=weights, batch_size=4)
        scores = evaluate(model, pairs, device="cpu")
    again = toy()
    again.load_state_dict(model.state_dict())
    assert all(math.isfinite(loss) for loss in losses)
    assert scores == evaluate(again, four_images(), device="cpu")


def test_a_device_that_is_asked_for_is_given() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    if not torch.accelerator.is_available():
        assert pick_device() == torch.device("cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("amp", [False, torch.bfloat16, torch.float16])
def test_the_same_loop_learns_on_a_gpu(amp: bool | torch.dtype) -> None:
    model = toy()
    options = {"steps": 60, "batch_size": 4, "device": "cuda", "amp": amp}
    losses = train(model, four_images(), **options)
    assert losses[-1] < 0.2 * losses[0]
    assert evaluate(model, four_images(), device="cuda").miou > 0.9
