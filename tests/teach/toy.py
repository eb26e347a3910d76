"""A small assignment, which the tests of handing out and grading work with."""

from collections.abc import Iterable
from typing import Any

import nbformat.v4 as v4
from teach.assignments.source import Source

from tests.teach import answers

DOUBLE = """def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION"""
SCALE = """class Scale(nn.Module):
    def __init__(self, channels):
        super().__init__()
        ### BEGIN SOLUTION
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return self.weight * x
        ### END SOLUTION"""
SIDE = """### BEGIN SOLUTION
side = SIDE // 2
### END SOLUTION"""
WORDS = """### BEGIN SOLUTION
Because it is so. Marking:
One point for the reason.
### END SOLUTION"""
SCALE_HIDDEN = """### BEGIN HIDDEN TESTS
from simseg_core.exercises.bench.modules import fill
from simseg_core.exercises.bench.steps import Steps
steps = Steps()
mine = fill(steps.build(Scale, 5, named="Scale(5)"))
x = torch.randn(2, 5, 3, 4)
weight = next(mine.parameters()).detach()
got = steps.call(mine, x, named="Scale(5)(x)")
weight = weight.view(5, 1, 1)
mistakes = {"Added, where a scale multiplies.": weight + x}
hint = "Each channel has its own."
steps.equal(got, weight * x, "the numbers", hint=hint, mistakes=mistakes)
mine(x).sum().backward()
assert next(mine.parameters()).grad is not None, "No gradient reaches the scale."
### END HIDDEN TESTS"""


def notebook() -> Any:
    """Give the toy's notebook as a teacher wrote it."""
    return v4.new_notebook(
        cells=[
            v4.new_markdown_cell("# A toy"),
            _code("NUMBER = 0", "number"),
            _code(
                "import torch\nfrom torch import nn\nSIDE = NUMBER",
                "given",
                locked=True,
            ),
            v4.new_markdown_cell("## 1. Half (2 points)"),
            _code(SIDE, "half", solution=True),
            _code("assert side is not ..., 'no number'", "half-seen", points=0),
            _code(
                _hidden("assert side == SIDE // 2, 'Not a half.'"),
                "half-hidden",
                points=2,
            ),
            v4.new_markdown_cell("## 2. Twice (3 points)"),
            _code(DOUBLE, "double", solution=True),
            _code("assert double(2) == 4, 'Twice 2 is 4.'", "double-seen", points=1),
            _code(
                _hidden(
                    "x = torch.arange(3.0)\n"
                    "assert double(x).equal(x + x), 'Right for 2 alone.'"
                ),
                "double-hidden",
                points=2,
            ),
            v4.new_markdown_cell("## 3. Scale (4 points)"),
            _code(SCALE, "scale", solution=True),
            _code(
                "y = Scale(3)(torch.ones(1, 3, 2, 2))\n"
                "assert y.shape == (1, 3, 2, 2), 'The shape stays.'",
                "scale-seen",
                points=1,
            ),
            _code(SCALE_HIDDEN, "scale-hidden", points=3),
            v4.new_markdown_cell("## 4. Why (1 point)"),
            v4.new_markdown_cell(
                WORDS,
                metadata={
                    "nbgrader": _meta("why", grade=True, solution=True, points=1)
                },
            ),
        ]
    )


def source() -> Source:
    """Give the toy as an assignment."""
    return Source("toy", notebook())


def handed_in(
    number: int, changed: dict[str, str], lacking: Iterable[str] = ()
) -> bytes:
    """Give the toy as a student hands it in."""
    return answers.handed_in(source(), number, changed, lacking)


def _hidden(code: str) -> str:
    return f"### BEGIN HIDDEN TESTS\n{code}\n### END HIDDEN TESTS"


def _code(
    code: str,
    name: str,
    *,
    locked: bool = False,
    solution: bool = False,
    points: int | None = None,
) -> Any:
    test = points is not None
    meta = _meta(name, grade=test, solution=solution, points=points)
    meta["locked"] = locked or test
    return v4.new_code_cell(code, metadata={"nbgrader": meta})


def _meta(
    name: str, *, grade: bool, solution: bool, points: int | None
) -> dict[str, Any]:
    meta = {
        "grade_id": name,
        "grade": grade,
        "solution": solution,
        "locked": False,
        "task": False,
        "schema_version": 3,
    }
    return meta | ({"points": points} if points is not None else {})
