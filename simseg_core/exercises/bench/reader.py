"""How the reader's code is met: is it a stub, which line fails, what it changes.

A check runs code that may be empty, wrong or endless. An error names the reader's own
line where it happened, never a stack trace of ours.
"""

import dis
import random
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import nn

from simseg_core.exercises.bench.patience import WAITING, TooLong

# What one call may compute; the slowest right answer takes about 2.
SECONDS = 10.0

# Code that is not the reader's, whatever the notebook's folder.
_NOT_THEIRS = (
    str(files("simseg_core")),
    str(Path(torch.__file__).parents[1]),
    sysconfig.get_paths()["stdlib"],
    "<frozen",
    "<__array_function__",
)

# What a body of `...`, `pass` or a docstring alone compiles to.
_EMPTY_BODY = {"RESUME", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "NOP", "POP_TOP"}
# And one of `raise NotImplementedError`, with a text or without.
_RAISING = {"LOAD_GLOBAL", "LOAD_COMMON_CONSTANT", "PUSH_NULL", "PRECALL", "CALL"}


def is_untouched(answer: Any) -> bool:
    """Say whether an answer is still the stub that the chapter shows.

    A stub is None, `...`, a function with an empty body or one that raises
    NotImplementedError, or a module class whose `forward` is one and whose `__init__`
    does nothing yet. A function that computes and forgets to return is not a stub.
    """
    if isinstance(answer, nn.Module):
        answer = type(answer)
    if isinstance(answer, type) and issubclass(answer, nn.Module):
        if _defines_layers(answer):
            return False
        answer = answer.forward
    if isinstance(answer, FunctionType):
        return _is_empty(answer)
    return answer is None or answer is ...


def _defines_layers(answer: type[nn.Module]) -> bool:
    if answer.forward is nn.Module.forward:
        return True  # no forward at all: the first call tells
    if answer.__init__ is nn.Module.__init__:
        return False
    names = set(answer.__init__.__code__.co_names)
    return not names <= {"super", "__init__", answer.__name__}


def _is_empty(function: FunctionType) -> bool:
    code = list(dis.get_instructions(function))
    ops = {step.opname for step in code}
    if ops <= _EMPTY_BODY:
        return {s.argval for s in code if "CONST" in s.opname} <= {None, ...}
    called = [s.argrepr for s in code if s.opname in _RAISING and s.argrepr]
    return ops <= _EMPTY_BODY | _RAISING | {"RAISE_VARARGS"} and all(
        "NotImplementedError" in name for name in called
    )


@contextmanager
def nothing_changed() -> Iterator[None]:
    """Run a check in float32, with seeds of its own.

    One thread is enough for what checks compute, and on a busy machine faster. What the
    reader's code sets meanwhile for the whole program (seeds, default type, number of
    threads) is afterwards as it was.
    """
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    cuda = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    try:
        with torch.random.fork_rng(devices=list(cuda)):
            torch.set_default_dtype(torch.float32)
            torch.set_num_threads(1)
            torch.default_generator.manual_seed(0)
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def _line_of_theirs(trace: Iterable[traceback.FrameSummary]) -> str:
    """Name the last line of the reader's own code in a trace, if any.

    >>> def double(x):
    ...     return 2 * y
    >>> try:
    ...     double(1)
    ... except NameError as error:
    ...     _line_of_theirs(traceback.extract_tb(error.__traceback__))
    ' (line 2 of double: `return 2 * y`)'
    """
    for frame in reversed(list(trace)):
        if not frame.filename.startswith(_NOT_THEIRS):
            source = frame.line or ""
            if len(source) > 88:
                source = source[:85] + "..."
            shown = f": `{source}`" if source else ""
            return f" (line {frame.lineno} of {frame.name}{shown})"
    return ""


def describe(error: BaseException) -> str:
    """Tell an error of the reader's code in one line."""
    message = str(error).strip().splitlines()
    text = type(error).__name__ + (f": {message[0]}" if message else "")
    if "before Module.__init__() call" in text:
        text += ". Begin __init__ with super().__init__()"
    # An error that was raised in another process says itself where.
    line = getattr(error, "line", None)
    return text + (line or _line_of_theirs(traceback.extract_tb(error.__traceback__)))


def describe_delay(late: TooLong) -> str:
    """Tell in one line what did not end in time, and where it was."""
    line = _line_of_theirs(late.stack)
    if late.waited:
        return (
            f"{late.doing} did not come back within {WAITING * SECONDS:g} s, though it "
            f"hardly computed{line}: does it sleep, or wait for something?"
        )
    return (
        f"{late.doing} did not come back within {SECONDS:g} s and was stopped{line}: "
        "does a loop never end?"
    )
