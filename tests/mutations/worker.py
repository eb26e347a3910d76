"""Run named tests against faulty copies of the package; driven by test_faults.py.

Reads rows as JSON, one a line, and answers each with one line of JSON: pytest's exit
code, the kinds of error that the tests ended with, and the output. Torch is imported
once; every row then runs in a fork of this process, so that no fault outlives it.
"""

import contextlib
import gc
import importlib
import importlib.util
import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import hypothesis
import pytest
import torch
import torchmetrics.classification
import torchvision

SECONDS = 120  # longest that one row may take
# Imported here so that no fork has to.
PRELOADED = (torch, torchvision, torchmetrics.classification)


class ErrorKinds:
    """A pytest plugin that remembers what the tests raised."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Iterator[None]:
        if call.excinfo is not None:
            self.kinds.add(call.excinfo.typename)
        return (yield)


def import_faulty(name: str, old: str, new: str) -> ModuleType:
    """Import a module with one piece of its source exchanged."""
    spec = importlib.util.find_spec(name)
    assert spec is not None, name
    assert spec.origin is not None, name
    with open(spec.origin, encoding="utf-8") as file:
        source = file.read()
    if source.count(old) != 1:
        raise LookupError(
            f"{spec.origin} holds {source.count(old)} times, not once: {old}"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    exec(compile(source.replace(old, new), spec.origin, "exec"), module.__dict__)
    parent, _, child = name.rpartition(".")
    setattr(importlib.import_module(parent), child, module)
    return module


def run(row: dict[str, Any]) -> dict[str, Any]:
    """Plant the row's fault in this process and run the row's tests."""
    seen = ErrorKinds()
    output = io.StringIO()
    torch.set_num_threads(1)
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        import_faulty(row["module"], row["old"], row["new"])
        options = ["-q", "--no-header", "-p", "no:cacheprovider"]
        code = pytest.main([*options, row["caught_by"]], plugins=[seen])
    return {"code": int(code), "kinds": sorted(seen.kinds), "output": output.getvalue()}


def run_in_fork(row: dict[str, Any]) -> dict[str, Any]:
    """Run one row in a child, and tell what became of it."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.alarm(SECONDS)
        try:
            answer = run(row)
        except BaseException as error:
            answer = {
                "code": -1,
                "kinds": [],
                "output": f"{type(error).__name__}: {error}",
            }
        with os.fdopen(writer, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    lost = {"code": -1, "kinds": [], "output": "the child ended without an answer"}
    return json.loads(text) if text else lost


if __name__ == "__main__":
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they cost seconds a row
    # A failure is what is wanted here: there is no point in shrinking it.
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("faults", phases=phases)
    hypothesis.settings.load_profile("faults")
    ready = {"ready": f"torch {torch.__version__}, {torchvision.__version__}"}
    print(json.dumps(ready), flush=True)
    # Forks share what is loaded, until a collection in one of them writes to it all.
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(run_in_fork(json.loads(line))), flush=True)
