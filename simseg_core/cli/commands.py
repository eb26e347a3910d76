"""Carry out one command: probe the network, draw it if asked, give what to print."""

import io
import json
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from simseg_core import probes
from simseg_core.atomic import replacing
from simseg_core.cli.network import Network, find, size_text, where
from simseg_core.cli.values import Mistake
from simseg_core.probes.field.field import ReceptiveField
from simseg_core.probes.running.refusal import layer_of
from simseg_core.probes.timing.comparison import Comparison

__all__ = ["device_of", "run", "save_figure"]

_ROUNDS = 5  # turns of each network in a comparison


@dataclass(frozen=True)
class _Answer:
    text: str
    plain: dict[str, Any]
    figure: Any = None  # of simseg_core.figures


def run(given: Namespace) -> str:
    """Carry out a command: its arguments -> what to print.

    Raises:
        Mistake: if the network cannot be built, or refuses the input.
    """
    network = find(given.model, given)
    command = {
        "trace": _trace,
        "receptive-field": _receptive_field,
        "cost": _cost,
        "measure": _measure,
    }[given.command]
    with _refused(network):
        answer = command(network, given)
    if given.save:
        save_figure(answer.figure, answer.text.splitlines()[0], given.save)
    return json.dumps(answer.plain, indent=2) if given.json else answer.text


@contextmanager
def _refused(network: Network) -> Iterator[None]:
    """Tell what the network or the probe said, with the size it was given."""
    try:
        yield
    except Mistake:
        raise
    except Exception as error:
        is_told = isinstance(error, NotImplementedError)  # by a probe, with a remedy
        cause = error if is_told else error.__cause__ or error
        own_words = isinstance(cause, ValueError | NotImplementedError | IndexError)
        kind = "" if own_words else f"{type(cause).__name__}: "
        layer = "" if own_words else layer_of(cause, network.model)
        raise Mistake(
            f"{network.name} on --input {size_text(network.input_size)}: {kind}{cause}"
            f"{layer}{where(cause)}{_channels(network)}"
        ) from error


def _channels(network: Network) -> str:
    first = next((m for m in network.model.modules() if isinstance(m, nn.Conv2d)), None)
    _, given, *image = network.input_size
    if first is None or first.in_channels == given:
        return ""
    size = size_text((first.in_channels, *image))
    return f"; its first convolution takes {first.in_channels} channels: --input {size}"


# --- the probes -------------------------------------------------------------------


def _trace(network: Network, given: Namespace) -> _Answer:
    trace = probes.trace_shapes(network.model, network.input_size, depth=given.depth)
    if not given.save:
        return _Answer(str(trace), trace.to_dict())
    from simseg_core.figures import draw_trace

    return _Answer(str(trace), trace.to_dict(), draw_trace(trace))


def _cost(network: Network, given: Namespace) -> _Answer:
    cost = probes.cost(network.model, network.input_size, depth=given.depth)
    if not given.save:
        return _Answer(str(cost), cost.to_dict())
    from simseg_core.figures import draw_cost

    return _Answer(str(cost), cost.to_dict(), draw_cost(cost))


def _receptive_field(network: Network, given: Namespace) -> _Answer:
    field = probes.receptive_field(network.model, network.input_size).at_depth(
        given.depth
    )
    text, plain = str(field), field.to_dict()
    if given.pixel:
        box = _box(field, given.pixel)
        plain["pixel"] = {"index": list(given.pixel), "box": box}
        text += f"\nOutput pixel {given.pixel} reads {_told(box)}"
        text += ", and by global operations all." if field.is_global else "."
    if not given.save:
        return _Answer(text, plain)
    from simseg_core import figures

    if given.pixel:
        height, width = network.input_size[2:]
        drawn = torch.full((height, width, 3), 0.9), field, given.pixel
        return _Answer(text, plain, figures.draw_field_on_image(*drawn))
    return _Answer(text, plain, figures.draw_growth(field))


def _box(field: ReceptiveField, pixel: tuple[int, int]) -> Any:
    try:
        return field.box(pixel)
    except IndexError as error:
        sizes = [field.output.shape[d] for d in field.output.position_dims]
        raise Mistake(
            f"--pixel {pixel[0]},{pixel[1]} is no pixel of the output, which has "
            + (
                f"{' x '.join(map(str, sizes))} of them"
                if sizes
                else "none: it is global"
            )
        ) from error


def _told(box: Any) -> str:
    if box is None:
        return "no pixel by local operations"
    (top, bottom), (left, right) = box
    return f"rows {top} to {bottom} and columns {left} to {right}"


def _measure(network: Network, given: Namespace) -> _Answer:
    size = network.input_size
    networks = [network]
    if given.compare:
        alone = Namespace(**{**vars(given), "option": []})
        if ":" in given.compare:
            alone.preset = alone.num_classes = alone.in_channels = None
        networks.append(find(given.compare, alone, size))
    device, dtype = device_of(given.device or "cpu"), getattr(torch, given.dtype)
    for one in networks:
        # As they are used: without gradients in evaluation, with them in training.
        one.model.train(given.backward).to(device, dtype)
    image = torch.rand(size, device=device).to(dtype)
    found: Any
    if given.compare:
        names = [given.model, given.compare]
        if names[0] == names[1]:
            names[1] += " again"
        found = probes.compare(
            {name: one.model for name, one in zip(names, networks)},
            image,
            rounds=_ROUNDS,
            backward=given.backward,
            turn_time=given.seconds / (2 * _ROUNDS),
            device=device,
        )
    else:
        found = probes.measure(
            network.model,
            image,
            label=network.name,
            backward=given.backward,
            min_run_time=min(0.5, given.seconds),
            max_run_time=given.seconds,
            device=device,
        )
    figure = None
    if given.save:
        from simseg_core.figures import draw_timings

        title = f"Time of one run on {size_text(size)}"
        several = found if isinstance(found, Comparison) else [found]
        figure = draw_timings(several, title=title)
    return _Answer(str(found), found.to_dict(), figure)


def device_of(name: str) -> torch.device:
    """Take a device by its name.

    Raises:
        Mistake: if this machine has none of that name.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except Exception as error:
        there = ["cpu"]
        there += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
        there += ["mps"] if torch.backends.mps.is_available() else []
        raise Mistake(
            f"no device {name!r} here: --device may be {' or '.join(there)}"
        ) from error
    if device.type == "meta":
        raise Mistake("on device 'meta' nothing runs: leave --device out")
    return device


# --- a figure's file --------------------------------------------------------------


def save_figure(figure: Any, title: str, path: Path) -> None:
    """Write a figure beside its place, then move it there: never half a file.

    Args:
        figure: of `simseg_core.figures`.
        title: goes into the file, with the figure's alt text.
        path: ends with .svg, .png or .pdf.

    Raises:
        Mistake: if the file cannot be written.
    """
    suffix = path.suffix.lower()[1:]
    entry = "Subject" if suffix == "pdf" else "Description"
    about = {"Title": title, entry: figure.alt_text}
    page = io.BytesIO()
    figure.savefig(page, format=suffix, metadata=about)
    try:
        with replacing(path) as beside:
            beside.write_bytes(page.getvalue())
    except OSError as error:
        raise Mistake(f"{path} cannot be written: {error.strerror}") from error
