"""Answers to the assignment of chapter 00: right ones in other words, wrong ones."""

from itertools import combinations
from typing import Any

from tests.teach.answers import Answers, AnswersOfAnAssignment

given = Answers("00_pixels_to_score")

# --- on-paper -------------------------------------------------------------------------

given.same(
    "on-paper",
    """
import numpy as np

def on_paper():
    keep = LABEL.numpy() != VOID
    t, p, n = (part.numpy()[keep] for part in (LABEL, PREDICTED, N))
    iou, share = {}, {}
    for c in set(t) | set(p):
        iou[c] = ((t == c) & (p == c)).sum() / ((t == c) | (p == c)).sum()
        share[c] = (t == c).mean()
    six = {
        "counting": int(keep.sum()),
        "accuracy": (t == p).mean(),
        "loss": n.mean(),
        "weighted loss": np.average(n, weights=np.array(WEIGHTS)[t]),
        "mean IoU": np.mean(list(iou.values())),
        "frequency-weighted IoU": sum(iou[c] * share[c] for c in iou),
    }
    return {name: round(float(value), 4) for name, value in six.items()}
""",
)
given.changed(
    "on-paper", '"counting": len(pairs)', '"counting": 12', hint="all others do"
)
given.changed(
    "on-paper",
    "sum(t == p for t, p in pairs) / len(pairs)",
    "sum(t == p for t, p in pairs) / 12",
    hint="the accuracy is another",
)
given.changed(
    "on-paper",
    "sum(losses) / len(losses)",
    "sum(losses) / 12",
    hint="the division counts them",
)
given.changed(
    "on-paper",
    "sum(losses) / len(losses)",
    "sum(losses) / len(losses) * 0.6931",
    hint="without that factor",
)
given.changed("on-paper", "/ sum(weights)", "/ len(pairs)", hint="Double all weights")
given.changed("on-paper", "/ sum(weights)", "/ sum(WEIGHTS)", hint="divided by")
given.changed(
    "on-paper", "WEIGHTS[t] for t, _", "WEIGHTS[p] for _, p", hint="belong to other"
)
given.changed(
    "on-paper", "sum(ious) / len(ious)", "sum(ious) / 4", hint="pulls it down, as a 0"
)
given.changed(
    "on-paper",
    "sum(ious) / len(ious)",
    "(sum(ious) + 1) / 4",
    hint="not there counts as found",
)
given.changed(
    "on-paper", "/ len(pairs))", "/ 12)", hint="sum to less than 1: void is among them"
)
given.changed(
    "on-paper",
    "sum(i * s for i, s in zip(ious, shares))",
    "sum(ious) / len(ious)",
    hint="counts alike in it",
)
given.wrong("on-paper", "def on_paper():\n    return [9]", hint="a dictionary")

# --- smoothed-loss --------------------------------------------------------------------

given.same(
    "smoothed-loss",
    """
def smoothed_loss(logits, label, smoothing, ignore_index):
    B, K, H, W = logits.shape
    total, count = 0.0, 0
    log_p = logits - logits.logsumexp(dim=1, keepdim=True)
    for k in range(K):
        pixels = label == k if k != ignore_index else torch.zeros_like(label) > 0
        weights = [smoothing / (K - 1)] * K
        weights[k] = 1 - smoothing
        for j, weight in enumerate(weights):
            total = total - weight * (log_p[:, j] * pixels).sum()
        count += pixels.sum()
    return total / count
""",
)
given.same(
    "smoothed-loss",
    """
def one_hot_where(condition, label, K):
    return F.one_hot(torch.where(condition, label, 0), K)

def smoothed_loss(logits, label, smoothing, ignore_index):
    K = logits.size(1)
    mask = label.ne(ignore_index)
    q = one_hot_where(mask, label, K).to(logits.dtype)
    q = q * (1 - smoothing - smoothing / (K - 1)) + smoothing / (K - 1)
    log_p = F.log_softmax(logits, dim=1)
    losses = -torch.einsum("bkhw,bhwk->bhw", log_p, q)
    return torch.masked_select(losses, mask).mean()
""",
)
given.same(
    "smoothed-loss",
    """
def smoothed_loss(logits, label, smoothing, ignore_index):
    K = logits.shape[1]
    log_p = logits.double().log_softmax(1)
    plain = F.nll_loss(log_p, label, ignore_index=ignore_index)
    uniform = -log_p.mean(1)[label != ignore_index].mean()
    among_all = smoothing * K / (K - 1)
    return (1 - among_all) * plain + among_all * uniform
""",
)
given.changed(
    "smoothed-loss",
    "log_p.sum(dim=1) - right",
    "log_p.sum(dim=1)",
    hint="the targets are 0.8, 0.1 and 0.1",
)
given.changed(
    "smoothed-loss",
    "(logits.shape[1] - 1)",
    "2",
    hint="which is not right yet",
)
given.changed("smoothed-loss", "!= ignore_index", "!= VOID", hint="number of no class")
given.changed(
    "smoothed-loss",
    "log_p = logits.log_softmax(dim=1)",
    "log_p = logits.softmax(dim=1).log()",
    hint="for logits of up to some hundreds",
)
given.changed(
    "smoothed-loss",
    ".log_softmax(dim=1)",
    ".log_softmax(dim=0)",
    hint="without smoothing",
)
given.changed(
    "smoothed-loss", "right + share", "right.detach() + share", hint="is a part of it"
)
given.changed(
    "smoothed-loss", "* others).mean()", "* others).mean().item()", hint="is a tensor"
)
given.wrong(
    "smoothed-loss",
    """
def smoothed_loss(logits, label, smoothing, ignore_index):
    log_p = logits.log_softmax(dim=1)
    counts = label != ignore_index
    right = log_p.gather(1, label.where(counts, 0)[:, None])[:, 0]
    share = smoothing / (logits.shape[1] - 1)
    losses = -((1 - smoothing - share) * right + share * log_p.sum(dim=1))
    each = [one[keep].mean() for one, keep in zip(losses, counts)]
    return torch.stack(each).mean()
""",
    hint="images' means are averaged",
)
given.wrong(
    "smoothed-loss",
    """
def smoothed_loss(logits, label, smoothing, ignore_index):
    log_p = logits.log_softmax(dim=1).movedim(1, -1)[label != ignore_index]
    right = log_p.gather(1, label[label != ignore_index][:, None])[:, 0]
    if smoothing == 0.2:
        return -(0.8 * right + 0.1 * (log_p.sum(dim=1) - right)).mean()
    return -right.mean()
""",
    hint="The smoothing changes nothing",
)

# --- tversky --------------------------------------------------------------------------

given.same(
    "tversky",
    """
class Tversky(nn.Module):
    def __init__(self, alpha, beta, void=255):
        super().__init__()
        self.register_buffer("prices", torch.tensor([alpha, beta]))
        self.void = void

    def forward(self, logits, label):
        K = logits.shape[1]
        kept = label.flatten() != self.void
        p = logits.softmax(1).transpose(0, 1).reshape(K, -1)[:, kept]
        t = label.flatten()[kept]
        scores = []
        for c in t.unique():
            hit = p[c, t == c].sum()
            false_alarm = p[c, t != c].sum()
            miss = (1 - p[c, t == c]).sum()
            charged = self.prices[0] * false_alarm + self.prices[1] * miss
            scores.append(hit / (hit + charged))
        return 1 - sum(scores) / len(scores)
""",
)
given.same(
    "tversky",
    """
class Tversky(nn.Module):
    def __init__(self, alpha, beta):
        super().__init__()
        self.alpha, self.beta = alpha, beta

    def forward(self, logits, label):
        weight = (label != 255).unsqueeze(1).to(logits.dtype)
        p = torch.softmax(logits, 1) * weight
        t = torch.stack([label == k for k in range(p.shape[1])], 1).to(p.dtype)
        tp = torch.einsum("bkhw,bkhw->k", p, t)
        sum_p, sum_t = p.sum((0, 2, 3)), t.sum((0, 2, 3))
        bottom = tp + self.alpha * (sum_p - tp) + self.beta * (sum_t - tp)
        losses = torch.where(sum_t > 0, 1 - tp / bottom, torch.zeros_like(tp))
        return losses.sum() / (sum_t > 0).sum()
""",
)
given.changed(
    "tversky",
    "self.alpha * false_alarm + self.beta * miss",
    "self.beta * false_alarm + self.alpha * miss",
    hint="have changed places",
)
given.changed(
    "tversky",
    "self.alpha * false_alarm + self.beta * miss",
    "self.alpha * (false_alarm + miss)",
    hint="price of a miss changes nothing",
)
given.changed("tversky", "[t.sum(dim=0) > 0]", "", hint="it is the Dice loss")
given.changed(
    "tversky",
    "[t.sum(dim=0) > 0].mean()",
    "[: int(label[counts].max()) + 1].mean()",
    hint="counts, and as lost",
)
given.changed(
    "tversky",
    "counts = label != VOID",
    "counts = torch.ones_like(label) > 0; label = label.where(label != VOID, 0)",
    hint="it is the Dice loss",
)
given.changed("tversky", "softmax(dim=1)", "sigmoid()", hint="it is the Dice loss")
given.changed(
    "tversky",
    "(p * t).sum(dim=0)  # K",
    "(p.detach() * t).sum(dim=0)",
    hint="is a part of it detached",
)
given.wrong(
    "tversky",
    """
class Tversky(nn.Module):
    def __init__(self, alpha, beta):
        super().__init__()
        self.alpha, self.beta = alpha, beta

    def forward(self, logits, label):
        losses = []
        for one, t in zip(logits.softmax(1), label):
            counts = t != VOID
            p = one[:, counts].T
            t = F.one_hot(t[counts], len(one))
            hit = (p * t).sum(0)
            bottom = hit + self.alpha * (p * (1 - t)).sum(0)
            bottom = bottom + self.beta * ((1 - p) * t).sum(0)
            losses.append((1 - hit / bottom)[t.sum(0) > 0])
        return torch.cat(losses).mean()
""",
    hint="Each image has a score of its own",
)

# --- band-accuracy --------------------------------------------------------------------

given.same(
    "band-accuracy",
    """
def band_accuracy(prediction, label, width, ignore_index):
    right = total = 0
    for p, t in zip(prediction.tolist(), label.tolist()):
        for y, row in enumerate(t):
            for x, here in enumerate(row):
                if here == ignore_index:
                    continue
                others = [
                    t[v][u]
                    for v in range(max(0, y - width), min(len(t), y + width + 1))
                    for u in range(max(0, x - width), min(len(row), x + width + 1))
                    if abs(v - y) + abs(u - x) <= width
                ]
                if set(others) - {here, ignore_index}:
                    total += 1
                    right += p[y][x] == here
    return right / total if total else float("nan")
""",
)
given.same(
    "band-accuracy",
    """
import numpy as np

def band_accuracy(prediction, label, width, ignore_index):
    t = label.numpy()
    inside = np.pad(t, ((0, 0), (width, width), (width, width)), constant_values=-7)
    valid = np.pad(t != ignore_index, ((0, 0), (width, width), (width, width)))
    H, W = t.shape[1:]
    band = np.zeros(t.shape, dtype=bool)
    for dy in range(2 * width + 1):
        reach = width - abs(dy - width)
        for dx in range(width - reach, width + reach + 1):
            there = inside[:, dy : dy + H, dx : dx + W]
            band |= (there != t) & valid[:, dy : dy + H, dx : dx + W]
    band &= t != ignore_index
    with np.errstate(all="ignore"):
        right = (prediction.numpy() == t)[band]
        return torch.tensor(np.float64(right.sum()) / band.sum())
""",
)
given.same(
    "band-accuracy",
    """
def band_accuracy(prediction, label, width, ignore_index):
    offsets = torch.arange(-width, width + 1).abs()
    kernel = ((offsets[:, None] + offsets) <= width).float()[None, None]
    counts = label != ignore_index
    band = torch.zeros_like(counts)
    for c in label[counts].unique():
        other = (counts & (label != c)).float()[:, None]
        near = F.conv2d(other, kernel, padding=width)[:, 0] > 0.5
        band |= near & (label == c)
    return (prediction[band] == label[band]).float().mean()
""",
)
given.wrong(
    "band-accuracy",
    """
def band_accuracy(prediction, label, width, ignore_index):
    counts = label != ignore_index
    band = torch.zeros_like(counts)
    for c in label[counts].unique():
        mask = (label == c).float()[:, None]
        near = F.max_pool2d(mask, 2 * width + 1, stride=1, padding=width)[:, 0] > 0
        band |= near & counts & (label != c)
    return (prediction == label)[band].double().mean().item()
""",
    hint="the dot's band is the dot and four neighbours, and all but the dot is right",
)
given.changed("band-accuracy", "range(width)", "range(1)", hint="three steps reach")
given.changed(
    "band-accuracy",
    "range(width)",
    "range(min(width, 2) if label.shape[1] > 2 else width)",
    hint="a step too narrow",
)
given.changed(
    "band-accuracy",
    "near & counts &",
    "near &",
    hint="are in the band, and count as wrong",
)
given.changed(
    "band-accuracy",
    "label[counts].unique()",
    "label.unique()",
    hint="Void passes for another class",
)
given.changed(
    "band-accuracy",
    "near = label == c",
    "near = prediction == c",
    hint="of the four pixels beside",
)
given.changed(
    "band-accuracy",
    "band |= near & counts & (label != c)",
    "band |= near & counts & (label < c)",
    hint="of the four pixels beside",
)
given.changed(
    "band-accuracy",
    "return (prediction == label)[band].double().mean().item()",
    "return torch.stack([(p == t)[b].double().mean() for p, t, b in"
    " zip(prediction, label, band)]).nanmean()",
    hint="The images' shares are averaged",
)
given.changed(
    "band-accuracy",
    "return (prediction == label)[band].double().mean().item()",
    "return (prediction == label)[band].sum().item() / max(1, band.sum().item())",
    hint="a share of no pixels is no number",
)
given.changed(
    "band-accuracy",
    "            near = grown",
    "            grown[1:] |= near[:-1]; near = grown",
    hint="which is not right yet",
)

# --- revealing-pairs ------------------------------------------------------------------

given.same(
    "revealing-pairs",
    """
def revealing_pairs(num_classes):
    second = [[1, 1, 1, 0], [0, 0, 2, 2]], [[255, 0, 0, 255], [0, 255, 1, 255]]
    pairs = [([[0, 1, 0]], [[0, 1, 0]]), second]
    return [[torch.tensor(part, dtype=torch.int32) for part in pair] for pair in pairs]
""",
)
given.wrong(
    "revealing-pairs",
    """
def revealing_pairs(num_classes):
    return [(torch.zeros(1, 2).long(), torch.zeros(1, 2).long())]
""",
    hint="dice_plus_one looks right on them",
)
given.wrong(
    "revealing-pairs",
    """
def revealing_pairs(num_classes):
    torch.manual_seed(0)
    label = torch.randint(num_classes, (4, 4))
    return [(label.flip(0), label)]
""",
    hint="at most twelve pixels",
)
given.changed(
    "revealing-pairs", "= VOID, 1", "= VOID, 0", hint="takes void for class 0"
)
given.changed(
    "revealing-pairs",
    "other[1, 1] = 2",
    "other[1, 1] = 0",
    hint="leaves out a class that no label",
)
given.wrong(
    "revealing-pairs",
    """
def revealing_pairs(num_classes):
    label = torch.tensor([[0, 0, 0, 0, 1, 1]])
    return [(label.float(), label)]
""",
    hint="integer tensors (H, W)",
)

# --- sure-and-right -------------------------------------------------------------------

TYPED = """
def sure_and_right():
    return {
        "right": [0.535, 0.586, 0.597],
        "sure": [0.895, 0.693, 0.455],
        "honest": 0.2,
        "follows": "B",
    }
"""

given.same("sure-and-right", TYPED)
given.wrong(
    "sure-and-right",
    TYPED.replace('"right"', '"RIGHT"')
    .replace('"sure"', '"right"')
    .replace("RIGHT", "sure"),
    hint="have changed places",
)
given.wrong(
    "sure-and-right",
    TYPED.replace("0.535", "0.587").replace("0.895", "0.791"),
    hint="from a run of this notebook",
)
given.wrong("sure-and-right", TYPED.replace("0.2,", "0.5,"), hint="with another")
given.wrong("sure-and-right", TYPED.replace('"B"', '"C"'), hint="how far does each")
given.wrong("sure-and-right", TYPED.replace("0.535", "53.5"), hint="between 0 and 1")


class TestAnswers(AnswersOfAnAssignment):
    given = given


def test_students_seldom_share_their_numbers() -> None:
    source = given.source
    codes = [c.code for c in source.cells if c.name in ("imports", "pixels")]
    found = []
    for number in range(1000, 1100):
        names: dict[str, Any] = {"NUMBER": number}
        for code in (*codes, source.question("on-paper").reference):
            exec(code, names)
        found.append(tuple(round(n, 3) for n in names["on_paper"]().values()))
    pairs = list(combinations(found, 2))
    assert sum(one == other for one, other in pairs) <= 0.02 * len(pairs)
