"""Listen to torch while a network runs: every call, every module, who feeds whom.

Three public hooks of torch, one job each:

- a `TorchFunctionMode` hears the calls as they were written (`torch.cat`, `x + y`,
  `F.interpolate`, `x[..., 4:-4]`) and, by tensor identity, where what they read came
  from;
- a `TorchDispatchMode` hears the kernels inside each of them, and counts their MACs;
- global module hooks tell which module is running; nothing is attached to the model.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.nn.modules.module import (
    _global_forward_hooks_with_kwargs,
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from simseg_core.probes.running.tensors import (
    bytes_of,
    memory_of,
    shape_of,
    shapes_of,
    tensors_in,
    version_of,
)
from simseg_core.probes.trace.macs import call_macs, convolution_elements, kernel_macs
from simseg_core.probes.trace.record import INPUT, Call, Frame, name_of

__all__ = ["Listener"]


_LEAVING = {"numpy", "array", "dlpack"}  # `x.numpy()`, `numpy.asarray(x)`


class Listener:
    """A context that records the calls made in it.

    Args:
        stages: the name of each known module, by id; others are named by their class.
        root: what the outermost frame is called.
        fake: the mode that runs without numbers, if one does.
    """

    def __init__(
        self, stages: Mapping[int, str], root: str, fake: FakeTensorMode | None = None
    ) -> None:
        self.calls: list[Call] = []
        self.frames = [Frame("", root, -1, is_builtin=False)]
        self._stages = dict(stages)
        self._running = [0]
        self._counted: set[int] = set()  # parameters, by id
        self._maker: Any = WeakTensorKeyDictionary()  # tensor -> the call that made it
        self._writer: dict[int, int] = {}  # memory -> the last call that wrote in place
        self._open: Call | None = None
        self._paused = False
        self._fake = fake
        self._faked: dict[int, tuple[Tensor, Tensor]] = {}  # weights, by id: and fakes
        self._stack = ExitStack()

    def __enter__(self) -> "Listener":
        self._stack.enter_context(_Kernels(self))
        self._stack.enter_context(_Functions(self))
        entering = register_module_forward_pre_hook(self._enter_module)
        leaving = register_module_forward_hook(
            self._after_forward, with_kwargs=True, always_call=True
        )
        # What torch forgets to remove: `torch.compile` would warn of it ever after.
        self._stack.callback(_global_forward_hooks_with_kwargs.pop, leaving.id, None)
        self._stack.callback(leaving.remove)
        self._stack.callback(entering.remove)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def add_input(self, tensor: Tensor, name: str) -> None:
        """Make `tensor` known as an input of the network."""
        call = Call(f"input {name}".strip(), INPUT, [])
        call.output_shapes, call.output_bytes = shapes_of(tensor), bytes_of(tensor)
        self._maker[tensor] = len(self.calls)
        self.calls.append(call)

    def source(self, tensor: Tensor) -> int | None:
        """Find the call that last wrote `tensor`; None for parameters and constants."""
        maker = self._maker.get(tensor)
        if maker is None:
            return None
        return max(maker, self._writer.get(memory_of(tensor), -1))

    def run(self, function: Any, args: Any, kwargs: Any, name: str) -> Any:
        """Run one call and record it."""
        if self._paused or self._open is not None:  # part of another call
            return function(*args, **kwargs)
        given = list(tensors_in((args, kwargs)))
        versions = [version_of(tensor) for tensor in given]
        reads = [(s, shape_of(t)) for t in given if (s := self.source(t)) is not None]
        call = self._open = Call(name, self._running[-1], reads)
        try:
            out = function(*args, **kwargs)
        finally:
            self._open = None
        if (known := call_macs(function, args, kwargs, out)) is not None:
            call.macs, call.is_counted = known, True
        if name in _LEAVING and not isinstance(out, Tensor):
            call.is_counted = False  # what is done with the numbers is not heard
        written = [t for t, before in zip(given, versions) if version_of(t) != before]
        self._close(call, given, written, list(tensors_in(out)))
        return out

    def kernel(self, kernel: Any, args: Any, kwargs: Any) -> Any:
        """Run one kernel and count it into the call that is open."""
        if self._paused:
            return kernel(*args, **kwargs)
        if self._open is None:  # torch was reached past its Python functions

            def run(*args: Any, **kwargs: Any) -> Any:
                return self.kernel(kernel, args, kwargs)

            return self.run(
                run, args, kwargs, name_of(getattr(kernel, "_overloadpacket", kernel))
            )
        if self._fake is not None:  # torch makes weights anew, and forgets their sizes
            args = [self._faked_in(value) for value in args]
        out = kernel(*args, **kwargs)
        macs = kernel_macs(kernel, args, kwargs, out)
        self._open.macs += macs or 0
        self._open.is_counted &= macs is not None
        self._open.conv_elements += convolution_elements(kernel, args, out)
        return out

    def _close(
        self, call: Call, given: list[Tensor], written: list[Tensor], out: list[Tensor]
    ) -> None:
        """Fill in what is known only after the call, and remember what it made."""
        own = {id(tensor) for tensor in given}
        made = [tensor for tensor in out if id(tensor) not in own] + written
        builtin = self.frames[call.frame].is_builtin
        worked = (builtin and out) or call.macs or not call.is_counted
        if not made and not worked:
            return  # it told a size or handed its argument on
        index = len(self.calls)
        known = {self._memory(tensor) for tensor in given}
        for tensor in made or out:  # dropout in evaluation hands on what it got
            self._maker[tensor] = index
            memory = memory_of(tensor)
            if memory not in known:
                known.add(memory)
                call.new_bytes += bytes_of(tensor)
        self._writer.update((memory_of(tensor), index) for tensor in written)
        if call.new_bytes or written:  # a view moves nothing
            call.moved_bytes = bytes_of(given) + bytes_of(made)
        for tensor in given:
            if isinstance(tensor, nn.Parameter) and id(tensor) not in self._counted:
                self._counted.add(id(tensor))
                call.parameters += tensor.numel()
        shown = out or written or given
        call.output_shapes, call.output_bytes = shapes_of(shown), bytes_of(shown)
        self.frames[call.frame].calls.append(index)
        self.calls.append(call)

    def _memory(self, tensor: Tensor) -> int:
        """Name the memory that views of a tensor share; a weight's is faked first."""
        return memory_of(tensor if self._fake is None else self._faked_in(tensor))

    def _faked_in(self, value: Any) -> Any:
        """Put its fake in the place of a tensor with numbers, the same at every call.

        A loop calls a cell with the same weights a thousand times.
        """
        if isinstance(value, list | tuple):
            faked = [self._faked_in(item) for item in value]
            return faked if isinstance(value, list) else tuple(faked)
        if not isinstance(value, Tensor) or isinstance(value, FakeTensor):
            return value
        if id(value) not in self._faked:
            assert self._fake is not None
            self._paused = True
            self._faked[id(value)] = (value, self._fake.from_tensor(value))
            self._paused = False
        return self._faked[id(value)][1]

    def _enter_module(self, module: nn.Module, args: Any) -> None:
        parent, kind = self._running[-1], type(module).__name__
        if getattr(module, "_forward_hooks", None):  # one more, behind all of them
            last: Any = None

            def leave(*args: Any) -> None:
                last.remove()
                self._leave_module(*args)

            last = module.register_forward_hook(
                leave, with_kwargs=True, always_call=True
            )
        if id(module) not in self._stages:  # met inside a plain callable
            for path, child in module.named_modules():
                self._stages.setdefault(id(child), f"{kind}.{path}".rstrip("."))
        line = (c for c in type(module).__mro__ if "forward" in vars(c))
        is_builtin = next(line).__module__.startswith("torch.nn.")
        stage = self._stages[id(module)]
        if not stage:  # the root, which is frame 0 already
            self.frames[0].is_builtin = is_builtin
            return
        self.frames[parent].has_children = True
        self.frames.append(Frame(stage, kind, parent, is_builtin))
        self._running.append(len(self.frames) - 1)

    def _after_forward(self, module: nn.Module, args: Any, *rest: Any) -> None:
        """Leave the module, unless hooks of its own may still change its output."""
        if not getattr(module, "_forward_hooks", None):
            self._leave_module(module, args, *rest)

    def _leave_module(self, module: nn.Module, args: Any, *rest: Any) -> None:
        frame = self.frames[self._running[-1]]
        if len(self._running) > 1:
            self._running.pop()
        if len(rest) < 2:  # torch leaves the keywords out where forward failed
            return
        kwargs, out = rest
        self._paused = True  # what follows is ours, not the network's
        try:
            frame.input_shapes = shapes_of((args, kwargs))
            frame.output_shapes, frame.output_bytes = shapes_of(out), bytes_of(out)
            declared = getattr(module, "mathematical_macs", None)
            if callable(declared) and frame.calls:
                own = [self.calls[index] for index in frame.calls]
                heaviest = max(own, key=lambda call: call.macs)
                for call in own:
                    call.macs, call.is_counted = 0, True
                heaviest.macs = int(declared(*args, **kwargs))
        finally:
            self._paused = False


class _Functions(TorchFunctionMode):
    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self.listener = listener

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return self.listener.run(func, args, kwargs or {}, name_of(func))


class _Kernels(TorchDispatchMode):
    supports_higher_order_operators = True  # heard as one: `torch.cond`, flex_attention

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self.listener = listener

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return self.listener.kernel(func, args, kwargs or {})
