"""Peak memory of a call: what it needs beyond what was in use before it.

- **CUDA**: PyTorch's own allocator counts every byte and its peak.
- **CPU, Linux**: the kernel's high-water mark of the process (`VmHWM`), reset before
  the call (`/proc/self/clear_refs`, proc(5)) and compared with the resident size then.
  Memory that malloc kept from earlier calls is given back first, or the call would
  fill it unseen. It is the whole process's, and how malloc lays out small tensors
  adds some: of two calls the smaller counts, and a few MiB are noise.
- **Elsewhere** (MPS, macOS, Windows) no peak can be read, and none is claimed.
"""

import ctypes
import gc
import re
from collections.abc import Callable
from pathlib import Path

import torch

__all__ = ["peak_memory"]

_PROCESS = Path("/proc/self")


def peak_memory(
    run: Callable[[], object], device: torch.device
) -> tuple[int | None, str]:
    """Call `run` and tell the bytes it needed, and who counted them.

    Args:
        run: a call that has run before, so that nothing is loaded or tuned in it.
        device: where it computes.

    Returns:
        Bytes above those in use before the call, or None if nobody counts them; and
        the name of the counter.

    >>> size, counter = peak_memory(lambda: None, torch.device("meta"))
    >>> size, counter
    (None, 'unknown: no peak is kept on meta')
    """
    if device.type == "cuda":
        return _cuda_peak(run, device), "CUDA allocator"
    if device.type != "cpu":
        return None, f"unknown: no peak is kept on {device.type}"
    try:
        return min(_process_peak(run) for _ in range(2)), "process high-water mark"
    except OSError as error:  # not Linux, or a container that forbids it
        return None, f"unknown: {error.strerror} ({error.filename})"


def _cuda_peak(run: Callable[[], object], device: torch.device) -> int:
    gc.collect()  # garbage freed during the call would hide as much of its peak
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    run()
    torch.cuda.synchronize(device)
    return max(0, torch.cuda.max_memory_allocated(device) - before)


def _process_peak(run: Callable[[], object]) -> int:
    gc.collect()
    _return_free_memory()
    (_PROCESS / "clear_refs").write_text("5")  # 5: VmHWM := VmRSS
    before = _status("VmRSS")
    run()
    return max(0, _status("VmHWM") - before)


def _return_free_memory() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl not
    if trim is not None:
        trim(0)


def _status(field: str) -> int:
    text = (_PROCESS / "status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise OSError(0, f"no {field}", str(_PROCESS / "status"))
    return int(found[1]) * 1024
