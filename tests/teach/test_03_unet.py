"""The U-Net assignment: right answers, wrong ones, and the hint that each gets."""

import random
from itertools import combinations
from textwrap import dedent
from typing import Any

import pytest
from teach.assignments.source import EXAMPLE

from tests.teach.answers import Answers, AnswersOfAnAssignment, tried_in_one_kernel

given = Answers("03_unet")


class TestAnswers(AnswersOfAnAssignment):
    given = given


# --- 1. sizes -----------------------------------------------------------------

CLOSED = dedent("""
    def sizes_on_paper():
        down, up = DOWN * (KERNEL - 1), UP * (KERNEL - 1)
        powers = [2**k for k in range(DEPTH + 1)]
        way_down = [p * (LOWEST + down) + down * (p - 1) for p in powers]
        way_up = [p * LOWEST - up * (p - 1) for p in powers]
        cuts = [a - b for a, b in zip(way_down, way_up)][:DEPTH][::-1]
        nearest = WISH
        while (nearest - way_down[-1]) % 2**DEPTH:
            nearest += 1
        return [way_down[-1], float(way_up[-1]), tuple(cuts), nearest]
""")
given.same("sizes", CLOSED)
for old, new, hint in (
    ("rows, skips = LOWEST + down, []", "rows, skips = LOWEST, []", "LOWEST is what"),
    ("down, up = DOWN * (KERNEL - 1)", "down, up = DOWN * KERNEL", "trims fewer"),
    ("down, up = DOWN * (KERNEL - 1)", "down, up = DOWN * (KERNEL // 2)", "trims more"),
    (
        "down, up = DOWN * (KERNEL - 1)",
        "down, up = UP * (KERNEL - 1)",
        "on the way down each stage has another number",
    ),
    (
        ", UP * (KERNEL - 1)",
        ", DOWN * (KERNEL - 1)",
        "on the way up each stage has another number",
    ),
    (
        "image, rows, cuts = rows, LOWEST, []",
        "image, rows, cuts = rows, LOWEST - down, []",
        "in LOWEST already",
    ),
    (
        "return image, rows,",
        "return image, rows + up,",
        "before the last stage's convolutions",
    ),
    ("(skip - 2 * rows) // 2", "skip - 2 * rows", "ends together"),
    ("rows, cuts, nearest", "rows, cuts[::-1], nearest", "waits longest"),
    ("rows, cuts, nearest", "rows, cuts[:-1], nearest", "one number for each of"),
    ("rows, cuts, nearest", "rows, cuts", "Return four things"),
    (
        "(image - WISH) % 2**DEPTH",
        "-WISH % 2**DEPTH",
        "a multiple of 2 to the number of poolings",
    ),
    (
        "(image - WISH) % 2**DEPTH",
        "(image - WISH) % 2**DEPTH + 2**DEPTH",
        "larger one than needed",
    ),
    (
        "(image - WISH) % 2**DEPTH",
        "(image - WISH) % 2**DEPTH - 2**DEPTH",
        "less than WISH",
    ),
):
    given.changed("sizes", old, new, hint=hint)

# --- 2. up-step ---------------------------------------------------------------

# Written by indices, the convolution behind the up-sampling, layers in another order.
STEP_BY_INDEX = dedent("""
    class UpStep(nn.Module):
        def __init__(self, c_below, c_skip, groups):
            super().__init__()
            self.smooth = nn.Conv2d(c_skip, c_skip, (3, 3), padding="same")
            self.scale = nn.GroupNorm(num_groups=groups, num_channels=c_skip)
            self.project = nn.Conv2d(c_below, c_skip, 1, bias=False)

        def forward(self, below, skip):
            B, C, H, W = skip.shape
            x = self.project(F.interpolate(below, scale_factor=2, mode="bilinear"))
            x = self.scale(x)
            rows = torch.arange(H).clamp(max=x.shape[2] - 1)
            columns = torch.arange(W).clamp(max=x.shape[3] - 1)
            x = x[:, :, rows][:, :, :, columns]
            return self.smooth(x.add_(skip).relu_()).clamp(min=0)
""")
# Written with parameters, and with a matrix product for the 1x1 convolution.
STEP_BY_HAND = dedent("""
    class UpStep(torch.nn.Module):
        def __init__(self, c_below, c_skip, groups):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(c_skip, c_below, 1, 1))
            self.tail = nn.Sequential(
                nn.ReLU(), nn.Conv2d(c_skip, c_skip, 3, padding=1), nn.ReLU()
            )
            self.norm = nn.GroupNorm(groups, c_skip)

        def forward(self, below, skip):
            x = torch.einsum("oc,bchw->bohw", self.weight[..., 0, 0], below)
            x = self.norm(nn.functional.interpolate(
                x, scale_factor=(2.0, 2.0), mode="bilinear", align_corners=False
            ))
            if skip.shape[2] > x.shape[2]:
                x = torch.cat([x, x[:, :, -1:]], dim=2)
            if skip.shape[3] > x.shape[3]:
                x = torch.cat([x, x[..., -1:]], dim=3)
            return self.tail(skip + x)
""")
given.same("up-step", STEP_BY_INDEX)
given.same("up-step", STEP_BY_HAND)
SMOOTH = 'mode="bilinear", align_corners=False'
for old, new, hint in (
    (SMOOTH, 'mode="nearest"', "is not bilinear"),
    (SMOOTH, 'mode="bilinear", align_corners=True', "the ends of the map"),
    (', mode="replicate")', ")", "Zeros are added"),
    ("(0, right, 0, bottom)", "(right, 0, bottom, 0)", "at the wrong end"),
    ("(0, right, 0, bottom)", "(0, bottom, 0, right)", "must match the size of tensor"),
    ("F.relu(x + skip)", "x + skip", "its negative values"),
    ("F.relu(x + skip)", "F.relu(F.relu(x) + skip)", "rectified before the sum"),
    ("F.relu(x + skip)", "F.relu(skip.add_(x))", "forward changes `skip`"),
    ("F.relu(x + skip)", "F.relu(x + skip.detach())", "gradient that reaches skip"),
    (
        "F.relu(x + skip)",
        "F.relu(x * float('nan') + skip)",
        "negative behind the last ReLU",
    ),
    (
        "return F.relu(self.convolve(F.relu(x + skip)))",
        "return self.convolve(F.relu(x + skip))",
        "negative behind the last ReLU",
    ),
    ("nn.GroupNorm(groups, c_skip)", "nn.GroupNorm(1, c_skip)", "other groups"),
    (
        "nn.GroupNorm(groups, c_skip)",
        "nn.BatchNorm2d(c_skip)",
        "which others are in the batch",
    ),
    ("c_skip, 1, bias=False", "c_skip, 1", "has 50 weights"),
    (
        "nn.Conv2d(c_below,",
        "nn.Conv2d(4 if c_skip == 2 else 8,",
        "UpStep(5, 4, 1)(below, skip) raises",
    ),
    (
        "x = self.rise(below)",
        dedent("""
        x = self.rise[2](self.rise[0](below))
        x = F.interpolate(x, scale_factor=2, mode="bilinear")
""")
        .strip()
        .replace("\n", "\n        "),
        "comes before the up-sampling",
    ),
    (
        "x = self.rise(below)",
        dedent("""
        x = F.interpolate(self.rise[0](below), skip.shape[2:], mode="bilinear")
        x = self.rise[2](x)
""")
        .strip()
        .replace("\n", "\n        "),
        "by a factor that is not 2",
    ),
    (
        "x = self.rise(below)",
        dedent("""
        x = self.rise[2](self.rise[0](below))
        x = F.interpolate(x, skip.shape[2:], mode="bilinear")
""")
        .strip()
        .replace("\n", "\n        "),
        "GroupNorm's place, and how the map gets",
    ),
):
    given.changed("up-step", old, new, hint=hint)
given.wrong(
    "up-step",
    STEP_BY_HAND.replace("x = self.norm(", "x = (").replace(
        "self.tail(skip + x)", "self.tail(skip + self.norm(x))"
    ),
    hint="repeated row and column twice",
)

# --- 3. any-size --------------------------------------------------------------

# One level inside the other, padded by indices; layers under other names.
NESTED = dedent("""
    class Level(nn.Module):
        def __init__(self, c_in, widths):
            super().__init__()
            c, *rest = widths
            self.enter = nn.Conv2d(c_in, c, 3, 1, 1)
            self.inner = None
            if rest:
                self.leave = nn.Conv2d(2 * c, c, kernel_size=3, padding="same")
                self.inner = nn.Sequential(
                    nn.Conv2d(c, c, kernel_size=2, stride=2),
                    Level(c, rest),
                    nn.ConvTranspose2d(rest[0], c, kernel_size=2, stride=2),
                )

        def forward(self, x):
            x = torch.relu(self.enter(x))
            if self.inner is None:
                return x
            return torch.relu(self.leave(torch.cat((x, self.inner(x)), 1)))


    class AnySizeUNet(nn.Module):
        def __init__(self, in_channels, num_classes, widths):
            super().__init__()
            self.stride = 1 << (len(widths) - 1)
            self.body = nn.Sequential(
                Level(in_channels, widths), nn.Conv2d(widths[0], num_classes, 1)
            )

        def place(self, n):
            missing = (self.stride - n % self.stride) % self.stride
            begin = missing // 2
            return begin, torch.arange(-begin, n + missing - begin).clamp(0, n - 1)

        def forward(self, x):
            (top, rows), (left, columns) = map(self.place, x.shape[2:])
            y = self.body(x.index_select(2, rows).index_select(3, columns))
            return y[:, :, top:, left:][:, :, : x.shape[2], : x.shape[3]]
""")
given.same("any-size", NESTED)
for old, hint in (
    ("torch.relu(self.enter(x))", "on the way down have no ReLU"),
    ("torch.relu(", "No stage has a ReLU"),
):
    code = NESTED.replace(old, old.replace("torch.relu", ""))
    given.wrong("any-size", code, hint=hint)
MARGINS = "margins = (left, columns - left, above, rows - above)"
for old, new, hint in (
    (', mode="replicate")', ")", "filled with zeros"),
    ('"replicate"', '"reflect"', "mirrored"),
    ("rows // 2, columns // 2", "0, 0", "added below and to the right"),
    ("rows // 2, columns // 2", "rows, columns", "added above and to the left"),
    (
        "rows // 2, columns // 2",
        "-(-rows // 2), -(-columns // 2)",
        "the larger half stands above",
    ),
    (
        "-H % multiple, -W % multiple",
        "multiple - H % multiple, multiple - W % multiple",
        "is a multiple already",
    ),
    ("above : above + H, left : left + W", ":H, :W", "cut at their corner"),
    ("left : left + W", "above : above + W", "by the margin of the rows"),
    ("above : above + H", "left : left + H", "by the margin of the columns"),
    (
        MARGINS,
        "margins = (above, rows - above, left, columns - left)",
        "Sizes of tensors must match",
    ),
    ("[skips.pop(), up(x)]", "[up(x), skips.pop()]", "behind the map from below"),
    ("stage(stride(x))", "stage(F.relu(stride(x)))", "convolutions that stride"),
    ("up(x)]", "F.relu(up(x))]", "behind the transposed"),
    ("skips.append(x)", "skips.append(x.detach())", "gradient that reaches the image"),
    ("stage(2 * c, c) for", "stage(2 * c, c)[:1] for", "on the way up have no ReLU"),
    ("nn.Conv2d(c, c, 2, stride=2)", "nn.MaxPool2d(2)", "has 201 weights"),
    (
        "steps = list(",
        "widths = widths[:2]\n        steps = list(",
        "do the widths, as many as there are",
    ),
    ("self.classify(x)[", "self.classify(x).relu()[", "logits are rectified"),
    (
        "return self.classify(x)",
        "return self.classify(x).softmax(1)",
        "Those are probabilities",
    ),
    (
        "return self.classify(x)",
        "return x.new_tensor(0) + self.classify(x).detach()",
        "gradient that reaches the image",
    ),
):
    given.changed("any-size", old, new, hint=hint)

# --- 4. edge-weights ----------------------------------------------------------

given.same(
    "edge-weights",
    dedent("""
    def edge_weights(labels, radius, extra):
        kernel = 2 * radius + 1
        classes = [c for c in labels.unique().tolist() if c != 255]
        there = torch.stack([(labels == c).double() for c in classes], dim=1)
        near = F.max_pool2d(there, kernel, 1, radius).sum(dim=1) > 1
        weights = torch.ones(labels.shape, dtype=torch.float64) + extra * near
        return weights * (labels != 255)
"""),
)
given.same(
    "edge-weights",
    dedent("""
    def edge_weights(labels, radius, extra):
        B, H, W = labels.shape
        weights = torch.ones(B, H, W)
        for b in range(B):
            for i in range(H):
                for j in range(W):
                    here = labels[b, i, j]
                    window = labels[b, max(0, i - radius) : i + radius + 1,
                                    max(0, j - radius) : j + radius + 1]
                    if here == 255:
                        weights[b, i, j] = 0
                    elif ((window != here) & (window != 255)).any():
                        weights[b, i, j] += extra
        return weights
"""),
)
given.same(
    "edge-weights",
    dedent("""
    def edge_weights(labels, radius, extra):
        k = 2 * radius + 1
        x = F.pad(labels[:, None].float(), (radius,) * 4, value=255.0)
        windows = F.unfold(x, k).view(len(labels), k * k, *labels.shape[1:])
        other = (windows != labels[:, None]) & (windows != 255)
        return torch.where(labels == 255, 0.0, 1.0 + extra * other.any(1).float())
"""),
)
SHIFTED = dedent("""
    def edge_weights(labels, radius, extra):
        (B, H, W), r = labels.shape, radius
        padded = F.pad(labels.long(), (r, r, r, r), value=255)
        near = torch.zeros(B, H, W, dtype=torch.bool)
        for i in range(2 * r + 1):
            for j in range(2 * r + 1):
                other = padded[:, i : i + H, j : j + W]
                near |= (other != labels) & (other != 255)
        weights = 1 + extra * near
        weights[labels == 255] = 0
        return weights
""")
given.same("edge-weights", SHIFTED)
given.changed(
    "edge-weights", "labels.float()", "labels + 0", hint="uint8 labels, radius 2 raises"
)


def shifted(old: str, new: str, hint: str) -> None:
    """Note `SHIFTED` with one place changed as a wrong answer."""
    assert SHIFTED.count(old) == 1
    given.wrong("edge-weights", SHIFTED.replace(old, new), hint=hint)


LOOK = "near |= (other"
for old, new, hint in (
    ("value=255", "value=0", "should get"),
    (" & (other != 255)", "", "should get"),
    ("    weights[labels == 255] = 0\n", "", "should get"),
    ("1 + extra * near", "torch.where(near, extra, 1.0)", "should get"),
    ("1 + extra * near", "1 + int(extra) * near", "are floating-point numbers"),
    (
        "labels.shape, radius",
        "labels.shape, max(1, radius - 1)",
        "too narrow for this radius",
    ),
    (
        "labels.shape, radius",
        "labels.shape, radius + (radius > 1)",
        "too wide for this",
    ),
    (LOOK, "if i == r or j == r: " + LOOK, "lies aslant"),
    (LOOK, "if (i - r)**2 + (j - r)**2 <= r * r: " + LOOK, "is round"),
    (LOOK, "if abs(i - r) + abs(j - r) <= r: " + LOOK, "are added up"),
    ("1 + extra * near", "1 + extra * (near | near.any(0))", "others of the batch"),
    (
        "return weights",
        "labels[labels == 255] = 0; return weights",
        "edge_weights changes its labels",
    ),
    (
        "labels.shape, radius",
        "labels.shape, radius; W = W if H == 1 or W == 1 else H",
        "of (2, 24, 35) int64 labels, radius 3 raises",
    ),
    ("weights[labels == 255] = 0", "weights[labels == 255] = torch.nan", "should get"),
    (
        "return weights",
        "return weights if r == 1 else weights.tolist()",
        "Wanted is a tensor",
    ),
):
    shifted(old, new, hint)

# --- 5. tiles -----------------------------------------------------------------


def sizes(text: str) -> str:
    return f"def telling_sizes():\n    return {text}\n"


given.same("tiles", sizes("[[KEPT + 2 * STEP, 5 * STEP], (5 * STEP, KEPT + 3 * STEP)]"))
given.same(
    "tiles",
    dedent("""
    def telling_sizes():
        lengths = range(2 * KEPT + 4, 161, 4)
        ends = [n for n in lengths if (n - KEPT) % STEP == 0]
        multiples = [n for n in lengths if n % STEP == 0]
        return ((ends[0], multiples[0]), (multiples[1], ends[1]))
"""),
)
E = "KEPT + 2 * STEP"  # the steps end at the border
FORGOTTEN = "whose last tile is forgotten where the steps"
for text, hint in (
    (f"({E}, {E}), (4 * STEP, 4 * STEP)", "rows taken for the columns"),
    (f"({E}, {E} + STEP), (4 * STEP, 4 * STEP)", "columns taken for the rows"),
    (f"({E}, 4 * STEP), ({E} + STEP, {E} + 4)", f"rows {FORGOTTEN} do not"),
    (f"({E} + 4, {E}), (4 * STEP, {E})", f"columns {FORGOTTEN} do not"),
    ("(4 * STEP, 3 * STEP), (3 * STEP, 4 * STEP)", f"rows {FORGOTTEN} end"),
    (f"({E}, 4 * STEP), ({E} + 4, 4 * STEP)", f"columns {FORGOTTEN} end"),
    ("(KEPT + STEP, 3 * STEP), (3 * STEP, KEPT + STEP)", "rows in which the second"),
    ("(4 * STEP, KEPT + STEP), (KEPT + STEP, 3 * STEP)", "columns in which the second"),
):
    given.wrong("tiles", sizes(f"[{text}]"), hint=hint)
given.wrong("tiles", sizes("[(100, 100)] * 4"), hint="not 4")
given.wrong("tiles", sizes("[(STEP * 10, 6)]"), hint="are multiples of 4, from 32")
given.wrong("tiles", sizes("[(STEP * 3 + 4, STEP * 4 + 4)]"), hint="and when would it")

# --- 6. skips -----------------------------------------------------------------

# What the training cell prints for the number that sources are tried with.
PRINTED = {
    "none": [0.199, 0.218, 0.252],
    "lower": [0.400, 0.378, 0.408],
    "top": [0.689, 0.708, 0.720],
    "both": [0.689, 0.679, 0.731],
}
APART = ["lower", "top", "both"]


def typed(iou: object = PRINTED, better: object = APART, adds: object = False) -> str:
    return f"def reading():\n    return {iou}, {better}, {adds}\n"


def read(iou: object = PRINTED, *, hint: str, **verdicts: object) -> None:
    """Note a wrong table, or a wrong verdict on the right one."""
    given.wrong("skips", typed(iou, **verdicts), hint=hint)


rounded = {skips: [round(n, 2) for n in runs] for skips, runs in PRINTED.items()}
given.same("skips", typed(rounded, tuple(APART[::-1])))
read({**PRINTED, "top": [0.689, 0.655, 0.720]}, hint="is not what this network reaches")
read({**PRINTED, "top": [0.708, 0.720, 0.689]}, hint="in another order than the seeds")
read({**PRINTED, "top": [0.689]}, hint="has three seeds")
read({**PRINTED, "top": [68.9, 70.8, 72.0]}, hint="lies between 0 and 1")
read(f"{PRINTED}".replace("0.199", "float('nan')"), hint="lies between 0 and 1")
read({"with": [0.7] * 3, "without": [0.2] * 3}, hint="has the keys")
read(better=["top", "both"], hint="wrong about 'lower'")
read(better=["none", *APART], hint="apart from itself")
read(adds=True, hint="adds is wrong")
read(adds="'both'", hint="adds is True or False")

# --- other numbers than the one above -----------------------------------------


# Among these numbers each design of question 1 and each tiling of question 5 occurs.
@pytest.mark.parametrize("number", range(4, 20))
def test_paper_and_tiles_are_right_for_other_students(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.teach.answers.EXAMPLE", number)
    source = given.source
    asked = {name: source.question(name).reference for name in ("sizes", "tiles")}
    assert not any(tried_in_one_kernel(source, asked).values())


def test_hardly_two_students_have_the_same_sizes() -> None:
    source = given.source
    drawn = next(cell.code for cell in source.cells if cell.name == "own-sizes")
    found = []
    for number in range(EXAMPLE, EXAMPLE + 200):
        names: dict[str, Any] = {"NUMBER": number, "random": random}
        exec(drawn + "\n" + source.question("sizes").reference, names)
        found.append(names["sizes_on_paper"]())
    pairs = list(combinations(found, 2))
    assert sum(one == other for one, other in pairs) <= 0.02 * len(pairs)
