"""The machine under a measurement: its clock, its name, its versions."""

import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

__all__ = [
    "clock_of",
    "cuda_allocations",
    "device_name",
    "device_of",
    "dtype_of",
    "layout_of",
    "tf32",
    "the_clock_alone",
    "versions",
]


def clock_of(device: torch.device) -> Callable[[], float]:
    """Return a clock in seconds that reads only after the device has finished.

    Accelerators work behind the program's back: a plain clock would time the launch.
    """
    if device.type == "cpu":
        return perf_counter
    if device.type == "cuda":
        return _CudaClock(device)

    def synchronised() -> float:
        torch.accelerator.synchronize(device)
        return perf_counter()

    return synchronised


@contextmanager
def the_clock_alone() -> Iterator[None]:
    """Keep other processes from reading a clock at the same time, where that was asked.

    They wait for each other if `SIMSEG_CLOCK` names a file that they may lock: chapters
    that run side by side would be timed against each other without it.
    """
    file = os.environ.get("SIMSEG_CLOCK")
    if not file:
        yield
        return
    import fcntl  # not on Windows, where nothing sets the variable

    with open(file, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # closing the file gives it back
        yield


class _CudaClock:
    """Seconds on the GPU's own clock, by events on the current stream.

    Each reading first waits for every stream: a call may work on streams of its own.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._now = 0.0
        self._last = self._event()

    def __call__(self) -> float:
        event = self._event()
        # Summed in Python: one long interval would lose digits in CUDA's float32.
        self._now += self._last.elapsed_time(event) / 1000
        self._last = event
        return self._now

    def _event(self) -> torch.cuda.Event:
        torch.cuda.synchronize(self._device)
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        event.synchronize()
        return event


def device_of(tensors: Iterable[Tensor]) -> torch.device:
    """Return the accelerator that holds any of these tensors; if none does, the CPU.

    Raises:
        ValueError: if they lie on several accelerators.
    """
    found = {tensor.device for tensor in tensors} - {torch.device("cpu")}
    if len(found) > 1:
        raise ValueError(
            f"the tensors lie on several devices ({', '.join(map(str, found))}): "
            "measure one device at a time"
        )
    return found.pop() if found else torch.device("cpu")


def cuda_allocations() -> dict[torch.device, int]:
    """Count what was ever allocated on each GPU: a call that changes it ran there."""
    if not torch.cuda.is_initialized():
        return {}
    return {
        torch.device("cuda", i): torch.cuda.memory_stats(i).get(
            "allocation.all.allocated", 0
        )
        for i in range(torch.cuda.device_count())
    }


def device_name(device: torch.device) -> str:
    """Name the hardware: the GPU's model, or the CPU's and its number of cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        models = [line.split(":")[1].strip() for line in lines if "model name" in line]
        name, cores = models[0], f" ({len(models)} cores)"
    except (OSError, IndexError):  # not Linux, or an ARM kernel that tells no name
        cores = ""
    return name + cores if device.type == "cpu" else f"{device.type.upper()} of {name}"


def dtype_of(tensors: Iterable[Tensor], device: torch.device) -> str:
    """Name the floating types of the tensors, and what they are computed in.

    That differs under autocast, and on a GPU whose convolutions round float32 to TF32.
    """
    types = {
        str(t.dtype).removeprefix("torch.") for t in tensors if t.is_floating_point()
    }
    names = sorted(types) or ["none"]
    if torch.is_autocast_enabled(device.type):
        autocast = str(torch.get_autocast_dtype(device.type)).removeprefix("torch.")
        names.append(f"autocast {autocast}")
    elif "float32" in names and tf32(device):
        names.append("TF32 convolutions")
    return ", ".join(names)


def tf32(device: torch.device) -> bool:
    """Tell whether cuDNN may round float32 to TF32 there; PyTorch lets it by default.

    Since Ampere (compute capability 8.0) tensor cores multiply it several times faster
    than float32, with 10 bits of mantissa in place of 23.
    """
    return (
        device.type == "cuda"
        and torch.cuda.get_device_capability(device) >= (8, 0)
        and torch.backends.cudnn.allow_tf32
    )


def layout_of(tensors: Iterable[Tensor]) -> str:
    """Tell whether images lie in memory pixel by pixel or channel by channel."""
    images = [tensor for tensor in tensors if tensor.ndim == 4]
    last = any(
        t.is_contiguous(memory_format=torch.channels_last) and not t.is_contiguous()
        for t in images
    )
    return "channels_last" if last else "contiguous"


def versions() -> dict[str, str]:
    """Versions, and cuDNN's setting, that a timing depends on."""
    found = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    if torch.cuda.is_available():
        tuned = "tuned" if torch.backends.cudnn.benchmark else "not tuned"
        found["cuda"] = str(torch.version.cuda or torch.version.hip)
        found["cudnn"] = f"{torch.backends.cudnn.version()}, {tuned}"
        if driver := _driver():
            found["driver"] = driver
    return found


@cache
def _driver() -> str:
    """Version of NVIDIA's driver, as its own tool tells it; "" where there is none."""
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip().partition("\n")[0] if answer.returncode == 0 else ""
