"""What a network costs: parameters, MACs, activation memory and memory traffic.

Everything is counted for the mathematical operation, whatever kernel runs it; see
`simseg_core.probes.trace.macs` for what a MAC is and how a module declares its own.

Memory traffic comes in the two measures of the field:

- **CIO**, convolutional input/output (Chao et al. 2019, arXiv:1909.00948, section 3):
  the values all convolutions read and write, sum of c_in*h_in*w_in + c_out*h_out*w_out.
  `macs / cio` is their MACs per element of traffic (MoC).
- **Bytes moved**: every operation reads its inputs and weights once and writes its
  output once. `2 * macs / bytes` is the arithmetic intensity, in FLOP per byte, that a
  roofline is drawn over.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from operator import attrgetter
from typing import Any

import torch
from torch import nn

from simseg_core.probes.running.tensors import Shape
from simseg_core.probes.trace.rows import left_out, not_counted_note
from simseg_core.probes.trace.run import Sizes
from simseg_core.probes.trace.shapes import Row, Trace, trace_shapes
from simseg_core.tables import Column, Table, Tabled
from simseg_core.tables.units import binary, si, times

__all__ = ["Cost", "Stage", "cost"]


@dataclass(frozen=True)
class Stage:
    """What one stage, or the whole network, costs.

    Attributes:
        name: the module's path; the operation's name where no module stands.
        parameters: numbers learned, each counted once.
        macs: multiply-accumulates of convolutions and matrix products.
        activation_bytes: memory filled by outputs, all of which training may keep.
        cio: values read and written by convolutions.
        moved_bytes: bytes read and written by all operations.
        not_counted: operations that may multiply and have no formula, so that `macs`
            leaves them out, and how often each ran.
    """

    name: str
    parameters: int
    macs: int
    activation_bytes: int
    cio: int
    moved_bytes: int
    not_counted: dict[str, int] = field(hash=False)

    @property
    def macs_per_element(self) -> float:
        """MACs per value of convolutional traffic (MoC); 0 without convolutions."""
        return self.macs / self.cio if self.cio else 0.0

    @property
    def arithmetic_intensity(self) -> float:
        """FLOP per byte moved, two FLOP to a MAC; 0 where nothing moves."""
        return 2 * self.macs / self.moved_bytes if self.moved_bytes else 0.0


@dataclass(frozen=True, repr=False)
class Cost(Stage, Tabled):
    """What a network costs as a whole, and stage by stage.

    Attributes:
        stages: in the order in which they first run.
        input_shapes: what the figures hold for; a batch counts with all its images.
        unused_parameters: those that took no part, counted in `parameters` only here.
    """

    stages: tuple[Stage, ...]
    input_shapes: tuple[Shape, ...]
    unused_parameters: int

    def __iter__(self) -> Iterator[Stage]:
        return iter(self.stages)

    def __getitem__(self, name: str) -> Stage:
        """Find a stage by its name.

        Raises:
            KeyError: no stage has that name; the error lists those there are.
        """
        if name not in self._by_name:
            raise KeyError(f"no stage {name!r}; there are {list(self._by_name)}")
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Stage]:
        return {stage.name: stage for stage in self.stages}

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain dictionaries, lists and numbers, ready for JSON."""
        return {
            **asdict(self),
            "macs_per_element": self.macs_per_element,
            "arithmetic_intensity": self.arithmetic_intensity,
        }

    def _table(self) -> Table:
        given = ", ".join(map(times, self.input_shapes))
        notes = [
            f"Parameters {self.parameters:,} · MACs {self.macs:,} · CIO {self.cio:,}",
            "CIO: values convolutions read and write. Intensity: FLOP per byte moved.",
            *not_counted_note(self.not_counted),
        ]
        total = replace(self, name="Total")
        title = f"Cost of {self.name} on {given}"
        return Table(title, _COLUMNS, self.stages, notes, total)


def _number(heading: str, attribute: str, write: Callable[[float], str]) -> Column:
    value = attrgetter(attribute)
    return Column(heading, lambda stage: write(value(stage)), True, value=value)


_COLUMNS = (
    Column("Stage", lambda stage: stage.name),
    _number("Params", "parameters", si),
    _number("MACs", "macs", si),
    _number("Memory", "activation_bytes", binary),
    _number("CIO", "cio", si),
    _number("MACs/CIO", "macs_per_element", "{:.1f}".format),
    _number("Moved", "moved_bytes", binary),
    _number("Intensity", "arithmetic_intensity", "{:.1f}".format),
)


def cost(
    model: nn.Module | Callable[..., Any] | Trace,
    input_size: Sizes | None = None,
    *,
    inputs: Any = None,
    depth: int | None = 1,
    device: str | torch.device | None = None,
) -> Cost:
    """Count parameters, MACs, activation memory and memory traffic, stage by stage.

    Args:
        model: any module or function of tensors, or a trace of one (then no size).
        input_size: (B, C, H, W), or several such sizes for several inputs.
        inputs: in place of sizes a tensor, a tuple of positional arguments or a
            dictionary of named ones.
        depth: how deep the modules are nested that count as stages; None shows every
            operation.
        device: compute with real numbers there ("cpu", "cuda"); not needed to count.

    Raises:
        TypeError: the model cannot be called, or `inputs` holds no tensor.
        ValueError: the sizes are wrong, or the model refused the input.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
    >>> found = cost(net, (1, 3, 32, 32))
    >>> found.macs == 32 * 32 * 8 * 3 * 3 * 3, found.cio == (3 + 8) * 32 * 32
    (True, True)
    """
    if isinstance(model, Trace):
        if input_size is not None or inputs is not None:
            raise ValueError("a trace has its input already: call cost(trace)")
        trace = model.at_depth(depth)
    else:
        trace = trace_shapes(
            model, input_size, inputs=inputs, depth=depth, device=device
        )
    rows = [row for row in trace.rows if row.operation != "input"]
    of_stage: dict[str, list[Row]] = {}
    for row in rows:
        of_stage.setdefault(row.stage or row.operation, []).append(row)
    stages = tuple(_sum(name, members) for name, members in of_stage.items())
    whole = {f.name: getattr(_sum(trace.model, rows), f.name) for f in fields(Stage)}
    return Cost(
        **(whole | {"parameters": trace.parameters}),
        stages=stages,
        input_shapes=tuple(
            r.output_shape for r in trace.rows if r.operation == "input"
        ),
        unused_parameters=trace.unused_parameters,
    )


def _sum(name: str, rows: list[Row]) -> Stage:
    return Stage(
        name,
        sum(row.parameters for row in rows),
        sum(row.macs for row in rows),
        sum(row.activation_bytes for row in rows),
        sum(row.conv_elements for row in rows),
        sum(row.moved_bytes for row in rows),
        left_out(rows),
    )
