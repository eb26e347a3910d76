"""The sandbox from outside: a process that is started, asked, timed, and ended.

With bubblewrap (`bwrap`, Linux) the process sees no network, no other process, and of
the disk what Python needs to run, read-only. Without it, it is a process like any other
under the user's name, and whoever grades is told so.
"""

import ctypes
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import psutil

import simseg_core
from teach.grading.sandbox import worker
from teach.grading.sandbox.wire import LARGEST, LENGTHS, Malformed, pack, unpack

_TICK = 0.1  # seconds between two looks at what the process uses
# So many times longer, by the wall, may code take that waits or sleeps; and code that
# computes, on a machine that has much else to do.
_WAITING, _STARVING = 4, 40
_PACKAGE = Path(simseg_core.__file__).resolve().parent
_TOOLS = Path(__file__).resolve().parents[3]
_INSIDE = ("teach/__init__.py", "teach/grading/__init__.py", "teach/grading/sandbox")


@dataclass(frozen=True)
class Limits:
    """What one notebook may use.

    Attributes:
        seconds: Of the processor, for one cell or one call.
        total: Of the processor, for the whole notebook.
        memory: Bytes, of all its processes together.
        processes: How many at once, its own included.
        file: Bytes, of one file.
    """

    seconds: float = 30.0
    total: float = 300.0
    memory: int = 4 * 2**30
    processes: int = 64
    file: int = 64 * 2**20


class Ended(BaseException):
    """The process is no more, or was stopped; the message says why.

    No `except Exception` of a test takes it for an error of the student's: what comes
    after it would be asked of nobody.

    Attributes:
        for_good: Whether its time for the whole notebook is used up.
    """

    def __init__(self, why: str, for_good: bool = False) -> None:
        super().__init__(why)
        self.for_good = for_good


@cache
def bubblewrap() -> str | None:
    """Find bubblewrap, if it is there and the system lets it do its work."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    trial = subprocess.run(
        [found, *_walls(Path("/")), "/usr/bin/env", "true"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return found if trial.returncode == 0 else None


def protection() -> str:
    """Say in a sentence what stands between students' code and this machine."""
    if bubblewrap():
        return (
            "Students' code runs without network, sees of the disk only Python and the "
            "package, read-only, and no other process."
        )
    why = (
        "bubblewrap is installed, but this system does not let it make namespaces"
        if shutil.which("bwrap")
        else "install bubblewrap (Debian: apt-get install bubblewrap)"
    )
    return (
        "NOT PROTECTED: students' code can reach the network and all files that you "
        f"can; only its time and memory are limited. To mend it: {why}, or grade on a "
        "machine that holds nothing else."
    )


class Sandbox:
    """A process in which a student's notebook runs.

    Use it as a context: at its end the process and all that it started are killed.

    Args:
        limits: What it may use.
        used: Seconds of the processor that the notebook has used already.
        waited: And by the clock on the wall.

    Attributes:
        seconds: What it has used of the processor, `used` included.
        waited: What it took by the wall, `waited` included.
        peak: Bytes, the most that all its processes held together.
    """

    def __init__(self, limits: Limits, used: float = 0.0, waited: float = 0.0) -> None:
        self._limits, self._used = limits, used
        self.seconds, self.waited, self.peak = used, waited, 0
        self._scratch = Path(tempfile.mkdtemp(prefix="graded-"))
        self._adopt_orphans()
        bounds = str(limits.memory), str(limits.file)
        command = [sys.executable, "-m", worker.__name__, *bounds]
        walls = bubblewrap()
        if walls:
            command = [walls, *_walls(self._scratch), *command]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._scratch,
            env=_environment(self._scratch),
            start_new_session=True,
            bufsize=0,
        )
        self._outside = psutil.Process(self._process.pid)

    def __enter__(self) -> "Sandbox":
        limits, before = self._limits, (self.seconds, self.waited)
        self._limits = replace(limits, total=float("inf"))
        try:
            self._receive(600.0, "Python")
        except (Ended, Malformed) as error:
            self.close()
            raise RuntimeError(
                f"no student's code can be run: Python does not start in the sandbox "
                f"({error}). Remedy: see why, with PYTHONPATH={_TOOLS} "
                f"{sys.executable} -m {worker.__name__} {limits.memory} {limits.file}"
            ) from None
        # What starting it took is not the student's.
        self._limits, (self.seconds, self.waited) = limits, before
        self._used -= self._cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, do: str, doing: str, **arguments: Any) -> dict[str, Any]:
        """Ask the worker for something and wait for its reply.

        Args:
            do: What, by the name of the worker's method after `do_`.
            doing: What takes too long, if it does, as the student will read it.
            **arguments: The method's arguments.

        Raises:
            Ended: It takes too long, what came back is no message, or the process is
                gone. It is, after that.
        """
        message = pack({"do": do, "with": arguments})
        try:
            return self._receive(self._limits.seconds, doing, message)
        except Malformed as error:
            self.close()
            raise Ended(f"What {doing} gives cannot be read: {error}.") from None
        except BaseException:  # a reply may still come, which nobody waits for
            self.close()
            raise

    def close(self) -> None:
        """End the process and all that it started."""
        family = self._family()
        for process in family:
            with suppress(psutil.Error):
                process.kill()
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for process in family:  # orphans that were adopted are ours to bury
            with suppress(ChildProcessError):
                os.waitpid(process.pid, 0)
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                assert pipe is not None
                pipe.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _receive(
        self, seconds: float, doing: str, message: bytes = b""
    ) -> dict[str, Any]:
        began = time.monotonic()
        try:
            return self._received(seconds, doing, memoryview(message), began)
        finally:
            self.waited += time.monotonic() - began

    def _received(
        self, seconds: float, doing: str, message: memoryview, began: float
    ) -> dict[str, Any]:
        pipes = self._process.stdin, self._process.stdout
        requests, replies = (pipe.fileno() for pipe in pipes if pipe is not None)
        os.set_blocking(requests, False)
        got, wanted = bytearray(), LENGTHS.size
        computed, looked = self._cpu(), 0.0
        with selectors.DefaultSelector() as ready:
            ready.register(replies, selectors.EVENT_READ)
            if message:
                ready.register(requests, selectors.EVENT_WRITE)
            while len(got) < wanted:
                for key, _ in ready.select(_TICK):
                    if key.fd == requests:
                        with suppress(BrokenPipeError):
                            message = message[os.write(requests, message) :]
                        if not message:
                            ready.unregister(requests)
                        continue
                    part = os.read(replies, min(2**20, wanted - len(got)))
                    if not part:
                        raise Ended(self._how_it_ended(doing))
                    got += part
                    if len(got) == LENGTHS.size:
                        wanted += sum(LENGTHS.unpack(got))
                        if wanted > LARGEST:
                            raise Malformed(f"an answer of {wanted:,} bytes")
                if time.monotonic() - looked > _TICK:
                    looked = time.monotonic()
                    self._look(seconds, doing, began, computed)
        self._look(float("inf"), doing, began, computed)
        return unpack(bytes(got))

    def _look(self, seconds: float, doing: str, began: float, computed: float) -> None:
        """Stop the process if it uses more than it may."""
        family = self._family()
        held = 0
        for process in family:
            with suppress(psutil.Error):
                held += process.memory_info().rss
        self.peak = max(self.peak, held)
        now = self._cpu(family)
        self.seconds = max(self.seconds, self._used + now)
        limits = self._limits
        took = time.monotonic() - began
        if held > limits.memory:
            raise Ended(f"{doing} needs more than {limits.memory / 2**30:.1f} GiB.")
        if len(family) > limits.processes:
            raise Ended(f"{doing} starts more than {limits.processes} processes.")
        if now - computed > seconds:
            raise Ended(
                f"{doing} did not come back within {seconds:g} s and was stopped: does "
                "a loop never end?"
            )
        is_idle = now - computed < took / 10
        if took > (_WAITING if is_idle else _STARVING) * seconds:
            raise Ended(
                f"{doing} did not come back within {_WAITING * seconds:g} s, though it "
                "hardly computed: does it sleep, or wait for something?"
            )
        waited = (self.waited + took) / (_WAITING if is_idle else _STARVING)
        if max(self.seconds, waited) > limits.total:
            raise Ended(
                f"The notebook had computed for {limits.total:g} s in all and was "
                "stopped.",
                for_good=True,
            )

    def _family(self) -> list[psutil.Process]:
        """List what runs in the sandbox, orphans too if the system lets us adopt."""
        with suppress(psutil.Error):
            strangers = (
                [] if bubblewrap() else psutil.Process().children(recursive=True)
            )
            own = self._outside.children(recursive=True)
            return list({p.pid: p for p in [self._outside, *own, *strangers]}.values())
        return []

    def _cpu(self, family: list[psutil.Process] | None = None) -> float:
        """Sum up what all processes of the sandbox have computed, in seconds."""
        total = 0.0
        for process in self._family() if family is None else family:
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
                total += getattr(times, "children_user", 0.0)
                total += getattr(times, "children_system", 0.0)
        return total

    def _how_it_ended(self, doing: str) -> str:
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(5)
            if bubblewrap() and code > 128:
                code = 128 - code
            if code in (-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT):
                name = signal.Signals(-code).name
                return f"{doing} ended Python by {name} (out of memory, or a crash)."
        return f"{doing} ended Python: does it call exit?"

    @staticmethod
    def _adopt_orphans() -> None:
        """Let processes whose parent has ended be ours (Linux): they end too."""
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _environment(scratch: Path) -> dict[str, str]:
    """Give the variables of the student's process: none of the teacher's."""
    home = "/home/student" if bubblewrap() else str(scratch)
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join([str(_TOOLS), str(_PACKAGE.parent)]),
        "PYTHONHASHSEED": "0",
        "IPYTHONDIR": f"{home}/.ipython",
    }


def _walls(scratch: Path) -> list[str]:
    """Give bubblewrap's options: what of this machine the student's process sees.

    Args:
        scratch: Where it is started; it is not shown.
    """
    shown = []
    for folder in ("/bin", "/sbin", "/lib", "/lib64", "/lib32"):
        if os.path.islink(folder):
            shown += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            shown += ["--ro-bind", folder, folder]
    python = {sys.prefix, sys.base_prefix, os.path.realpath(sys.executable)}
    python |= {path for path in sys.path if path.endswith(("site-packages", ".zip"))}
    for path in ["/usr", "/etc/ld.so.cache", "/etc/fonts", *sorted(python)]:
        if os.path.exists(path):
            shown += ["--ro-bind", path, path]
    shown += ["--ro-bind", str(_PACKAGE), str(_PACKAGE)]
    for room in worker.ABSENT:
        place = _PACKAGE / room
        if place.is_dir():
            shown += ["--tmpfs", str(place), "--remount-ro", str(place)]
        else:
            shown += ["--ro-bind", os.devnull, str(place.with_suffix(".py"))]
    for part in _INSIDE:
        shown += ["--ro-bind", str(_TOOLS / part), str(_TOOLS / part)]
    small = ["--size", str(256 * 2**20), "--tmpfs"]
    devices = ["--dev", "/dev", *small, "/dev/shm", "--remount-ro", "/dev"]
    return [
        *("--unshare-all", "--die-with-parent", "--new-session"),
        # Root would keep the right to mount, and with it could undo all that follows.
        *("--cap-drop", "ALL", "--proc", "/proc", *devices),
        *(*small, "/tmp", *small, "/home/student", "--chdir", "/home/student"),
        *shown,  # this project, or Python, may lie in one of these folders
        # What stands in no folder of theirs would fill the memory unseen.
        *("--remount-ro", "/"),
    ]
