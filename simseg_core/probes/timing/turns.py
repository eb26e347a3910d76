"""One call, warmed up and described, that can take its turn on the clock."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from simseg_core.probes.running.fake import refuse_lazy
from simseg_core.probes.running.refusal import (
    RefusedInputError,
    layer_of,
    no_tensor,
    refuse_class,
    title_of,
)
from simseg_core.probes.running.tensors import tensors_in
from simseg_core.probes.running.unchanged import unchanged_by_timing
from simseg_core.probes.timing import machine
from simseg_core.probes.timing.measurement import Measurement
from simseg_core.probes.timing.memory import peak_memory

# A machine with nvcc but no GPU (Colab's CPU runtime) is warned by this import.
logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
from torch.utils import benchmark  # noqa: E402

__all__ = ["Timed", "left_as_found"]


@dataclass(frozen=True)
class Timed:
    """A call that has been warmed up and described, ready to take its turns."""

    label: str
    run: Callable[[], Any]
    device: torch.device
    description: Measurement  # everything but the times

    @classmethod
    def prepare(
        cls,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        label: str | None,
        backward: bool,
        device: torch.device | str | None,
    ) -> "Timed":
        """Run a call until it is warm, see where it runs, and take its peak memory."""
        before = machine.cuda_allocations()
        run = _with_gradient(fn, args) if backward else partial(_forward, fn, args)
        output = run()  # the first run loads, tunes or compiles, and is never timed
        parameters = fn.parameters() if isinstance(fn, nn.Module) else ()
        inputs = [*_tensors(args), *parameters]
        tensors = [*inputs, *_tensors(output)]
        found = machine.device_of(tensors)
        after = machine.cuda_allocations().items()
        used = [gpu for gpu, count in after if count > before.get(gpu, 0)]
        if found.type == "cpu" and used:  # its tensors neither came from there nor left
            found = used[0]
        _check_device(found, device)
        if torch.is_autocast_enabled(found.type):
            run = partial(_with_fresh_casts, run)
        name = label or title_of(fn)
        del output  # or its memory would count as in use before the call
        peak_bytes, counter = peak_memory(run, found)
        description = Measurement(
            label=name,
            times=(),
            runs_per_time=0,
            backward=backward,
            peak_bytes=peak_bytes,
            memory_counter=counter,
            device=str(found),
            device_name=machine.device_name(found),
            dtype=machine.dtype_of(inputs or tensors, found),
            layout=machine.layout_of(tensors),
            threads=torch.get_num_threads(),
            versions=machine.versions(),
            date=date.today().isoformat(),
        )
        return cls(name, run, found, description)

    def turn(self, seconds: float) -> Measurement:
        """Repeat the call for these seconds, or once if it takes longer."""
        timer = benchmark.Timer(
            "run()",
            globals={"run": self.run},
            timer=machine.clock_of(self.device),
            num_threads=torch.get_num_threads(),  # its own default is a single one
        )
        with machine.the_clock_alone():
            found = timer.blocked_autorange(min_run_time=seconds)
        return replace(
            self.description,
            times=tuple(found.times),
            runs_per_time=found.number_per_run,
        )


@contextmanager
def left_as_found(
    fn: Callable[..., Any], args: tuple[Any, ...], backward: bool
) -> Iterator[None]:
    """Time `fn` within: its modules are put back, such as BatchNorm's statistics.

    Raises:
        TypeError: if `fn` is no network and no function.
        RefusedInputError: if a layer refuses what it is given; it names the layer.
    """
    refuse_class(fn)
    if not callable(fn):
        raise TypeError(f"fn is a {type(fn).__name__}: give a network or a function")
    refuse_lazy(fn)
    run = partial(fn, *args) if backward else partial(_forward, fn, args)
    try:
        with unchanged_by_timing(fn, run):
            yield
    except (RuntimeError, ValueError) as error:
        layer = layer_of(error, fn)
        said = isinstance(error, RefusedInputError)  # of a rival that is timed beside
        if said or not layer or isinstance(error, torch.OutOfMemoryError):
            raise
        raise RefusedInputError(f"{type(error).__name__}: {error}{layer}") from error


def _forward(fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    with torch.no_grad():
        return fn(*args)


def _with_fresh_casts(run: Callable[[], Any]) -> Any:
    """Cast the weights again, as each training step does.

    Autocast keeps the cast weights until its block ends, which is around all runs here.
    """
    torch.clear_autocast_cache()
    return run()


def _with_gradient(fn: Callable[..., Any], args: tuple[Any, ...]) -> Callable[[], Any]:
    """Return a call that also takes the gradient of every leaf `fn` depends on."""
    leaves = _leaves(_differentiable(fn(*args)))

    def run() -> Any:
        outputs = _differentiable(fn(*args))
        ones = [torch.ones_like(output) for output in outputs]
        return torch.autograd.grad(outputs, leaves, ones)

    return run


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _differentiable(output: Any) -> list[Tensor]:
    tensors = list(tensors_in(output))
    found = [tensor for tensor in tensors if tensor.requires_grad]
    if not tensors:
        raise ValueError(f"backward=True, but {no_tensor(output)}")
    if not found:
        raise ValueError(
            "backward=True, but the result has no gradient: measure a module whose "
            "parameters require one, or an argument with requires_grad=True"
        )
    return found


def _leaves(outputs: list[Tensor]) -> list[Tensor]:
    """Walk the graph back to every tensor that a gradient would be kept for."""
    leaves: dict[int, Tensor] = {}
    nodes: list[Any] = [output.grad_fn for output in outputs]
    seen = set(nodes)
    while nodes:
        node = nodes.pop()
        if hasattr(node, "variable"):  # AccumulateGrad: the end of the walk
            leaves[id(node.variable)] = node.variable
        for following, _ in getattr(node, "next_functions", ()):
            if following is not None and following not in seen:
                seen.add(following)
                nodes.append(following)
    return list(leaves.values())


def _check_device(found: torch.device, wanted: torch.device | str | None) -> None:
    if wanted is None:
        return
    wanted = torch.device(wanted)
    if (wanted.type, wanted.index or 0) != (found.type, found.index or 0):
        raise ValueError(
            f"the call ran on {found}, not on {wanted}: move the module and its "
            f"arguments there with .to({str(wanted)!r}) first"
        )
