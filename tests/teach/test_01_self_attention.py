"""Assignment 01, self-attention that knows where: right and wrong answers."""

from tests.teach.answers import Answers, AnswersOfAnAssignment

given = Answers("01_self_attention")


# --- bill ---------------------------------------------------------------------

given.same(
    "bill",
    """
import math

def bill():
    keys = math.ceil(HEIGHT / STRIDE) * math.ceil(WIDTH / STRIDE)
    numbers = HEIGHT * WIDTH * keys * HEADS * BATCH
    side = 1.0 * math.floor((LIMIT * 2**20 / 2 / HEADS) ** 0.25)
    return dict(
        side=side, keys=keys, bytes=numbers * 2, macs=numbers / HEADS * CHANNELS * 1.5,
        weights=(2 * CHANNELS * CHANNELS // 2 + 2 * CHANNELS**2) + CHANNELS + CHANNELS,
    )
""",
)


def bill(old: str, new: str, hint: str) -> None:
    """Note the reference with one number of the bill changed."""
    given.changed("bill", old, new, hint=hint)


bill('"side": side,', "", "'side' is missing")
bill("return {", "return {}, {", "Return a dictionary")
bill('"keys": keys', '"keys": keys + 0.5', "'keys' should be a whole number")
bill('"keys": keys', '"keys": queries', "coarser map has fewer positions")
bill(
    "keys = -(-HEIGHT // STRIDE) * -(-WIDTH // STRIDE)",
    "keys = HEIGHT // STRIDE * (WIDTH // STRIDE)",
    "border cuts are left out",
)
bill('"keys": keys', '"keys": queries // STRIDE**2', "as many as their area")
bill('"bytes": 2 *', '"bytes": 4 *', "bytes: that is what float32")
bill('"bytes": 2 * BATCH * HEADS *', '"bytes": 2 * BATCH *', "bytes: one head")
bill("HEADS * queries * keys,", "HEADS * queries**2,", "bytes: each position has")
bill("HEADS * queries * keys,", "HEADS * keys**2,", "bytes: queries come from")
bill("(CHANNELS // 2 + CHANNELS)", "CHANNELS", "macs: the product of queries")
bill("(CHANNELS // 2 + CHANNELS)", "(CHANNELS // 2)", "map with the values is missing")
bill("(CHANNELS // 2 + CHANNELS)", "2 * CHANNELS", "as wide as values")
bill('"macs": BATCH *', '"macs": BATCH * HEADS *', "macs: each head has all channels")
bill('"macs": BATCH *', '"macs":', "macs: that is one image")
bill('"macs": BATCH *', '"macs": 2 * BATCH *', "additions are counted apart")
bill("+ 2 * CHANNELS,", "+ CHANNELS,", "weights: a bias or the factors")
bill("+ 2 * CHANNELS,", "+ CHANNELS + 1,", "weights: one factor for all")
bill("3 * CHANNELS**2", "4 * CHANNELS**2", "weights: queries and keys have all")
bill('"side": side', '"side": side + 1', "side: one step further")
bill('"side": side', '"side": side**2', "how many numbers fits")
bill("2 * HEADS * (side", "4 * HEADS * (side", "side: counted with 4 bytes")
bill("2 * HEADS * (side", "2 * (side", "side: counted with one head")


# --- cosine-attend ------------------------------------------------------------

given.same(
    "cosine-attend",
    """
def cosine_attend(q, k, v, t):
    cos = torch.cosine_similarity(q[:, :, :, None], k[:, :, None], dim=-1)
    weights = torch.exp(torch.einsum("bhnm,h->bhnm", cos, 1 / t))
    weights = weights / weights.sum(-1, keepdim=True)
    return torch.einsum("bhnm,bhme->bhne", weights, v)
""",
)
given.same(
    "cosine-attend",
    """
def unit(x):
    return x / (x.norm(dim=-1, keepdim=True) + 1e-6)

def cosine_attend(query, key, value, temperature):
    heads = []
    for h, tau in enumerate(temperature):
        one = unit(query[:, h]) / tau
        scores = torch.bmm(one, unit(key[:, h]).transpose(1, 2))
        heads.append(torch.bmm(F.softmax(scores, 2), value[:, h]))
    return torch.stack(heads, 1)
""",
)
given.same(
    "cosine-attend",
    """
cosine_attend = lambda q, k, v, tau: F.scaled_dot_product_attention(
    F.normalize(q, dim=3) / tau.view(1, -1, 1, 1), F.normalize(k, dim=3), v, scale=1.0
)
""",
)


def cosine(old: str, new: str, hint: str) -> None:
    """Note the reference of cosine attention with one place changed."""
    given.changed("cosine-attend", old, new, hint=hint)


BOTH = "query, key = F.normalize(query, dim=-1), F.normalize(key, dim=-1)"
TAU = "/ temperature[:, None, None]"
cosine(BOTH, "", "Queries and keys keep their lengths")
cosine(BOTH, "query = F.normalize(query, dim=-1)", "Keys keep")
cosine(BOTH, "key = F.normalize(key, dim=-1)", "Queries keep")
cosine(BOTH, "query, key = F.normalize(query), F.normalize(key)", "across the heads")
cosine(BOTH, BOTH.replace("-1", "-2"), "along the positions")
cosine(TAU, "* temperature[:, None, None]", "Weights 3/4 and 1/4")
cosine(TAU, "/ temperature.mean()", "cosines, over temperature")
cosine(TAU, "/ temperature", "non-singleton dimension 3")
cosine(TAU, "/ temperature[:, None]", "non-singleton dimension 2")
cosine(BOTH, "query, key = query / query.norm(dim=-1, keepdim=True), key", "gives NaN")
cosine("softmax(dim=-1)", "softmax(dim=-2)", "Weights 3/4 and 1/4")
cosine(
    "scores.softmax(dim=-1) @ value", "scores.softmax(dim=-1)", "Wanted (1, 1, 2, 1)"
)
cosine(
    TAU, "/ temperature[:, None, None] / query.shape[-1]**0.5", "Weights 3/4 and 1/4"
)
cosine("softmax(dim=-1)", "softmax(dim=0)", "Weights 3/4 and 1/4")
cosine(
    TAU,
    f"{TAU} / max(1, query.shape[-1] - 2) ** 0.5",
    "cosines, over temperature",
)
cosine("softmax(dim=-1)", "softmax(1 if query.shape[1] > 3 else 3)", "another axis")
cosine(TAU, f"{TAU} ** (2 if len(key) > 2 else 1)", "rooted or squared")
cosine(
    TAU,
    "/ torch.tensor(temperature.tolist(), dtype=key.dtype)[:, None, None]",
    "gradient reaches",
)
cosine("return scores", "return scores.float()", "raises RuntimeError")
cosine(
    "softmax(dim=-1) @ value", "softmax(dim=-1).float() @ value.float()", "makes torch"
)
given.wrong(
    "cosine-attend",
    """
def cosine_attend(query, key, value, temperature):
    if query.shape[1] == key.shape[2]:
        temperature = temperature
    else:
        temperature = temperature[:, None, None]
    scores = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).mT
    return (scores / temperature).softmax(-1) @ value
""",
    hint="temperatures run along the keys",
)


# --- position-bias ------------------------------------------------------------

given.same(
    "position-bias",
    """
def position_bias(table):
    heads, tall, wide = table.shape
    H, W = tall // 2 + 1, wide // 2 + 1
    rows = [
        table[:, H - 1 - r :, W - 1 - c :][:, :H, :W].reshape(heads, -1)
        for r in range(H) for c in range(W)
    ]
    return torch.stack(rows, dim=1)
""",
)
given.same(
    "position-bias",
    """
def position_bias(table):
    H, W = -(-table.size(1) // 2), -(-table.size(2) // 2)
    at = torch.stack(torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij"))
    at = at.reshape(2, -1)
    offset = at[:, None, :] - at[:, :, None]
    offset = offset + torch.tensor([H - 1, W - 1])[:, None, None]
    flat = (offset[0] * (2 * W - 1) + offset[1]).flatten()
    return table.reshape(len(table), -1).index_select(1, flat).view(-1, H * W, H * W)
""",
)


def bias(old: str, new: str, hint: str) -> None:
    """Note the reference of the position bias with one place changed."""
    given.changed("position-bias", old, new, hint=hint)


bias("table[:, down, across]", "table[:, down, across].mT", "right key it is one")
bias("row - row[:, None]", "row[:, None] - row", "rows do not")
bias("+ H - 1 ", "", "the offset 0.")
bias("+ W - 1", "", "the offset 0.")
bias("place // W, place % W", "place % H, place // H", "numbered column by column")
bias("place // W, place % W", "place // H, place % H", "out of bounds")
bias("row - row[:, None]", "(row - row[:, None]).abs()", "above and below")
bias("return table[", "return table.detach()[", "gradient reaches the table")
bias(
    "return table[:, down, across]", "return table[0, down, across]", "Wanted (1, 2, 2)"
)
bias("return table[", "return table.float()[", "makes torch.float32")
bias("return table[", "return table[:1].expand_as(table)[", "table of its own")
bias(
    "return table[",
    "table = table / 2 + table.detach() / 2\n    return table[",
    "number of pairs",
)


# --- pooled-attention ---------------------------------------------------------

given.same(
    "pooled-attention",
    """
class PooledAttention(nn.Module):
    def __init__(self, C, heads, stride):
        super().__init__()
        self.gain = nn.Parameter(0.1 * torch.ones(C))
        self.last = nn.Conv2d(C, C, kernel_size=1)
        self.to_value = nn.Sequential(
            nn.Conv2d(C, C, 1, bias=False), nn.AvgPool2d(stride, stride, ceil_mode=True)
        )
        self.to_key = nn.Conv2d(C, C // 2, 1, bias=False)
        self.to_query = nn.Conv2d(C, C // 2, 1, bias=False)
        self.pool = self.to_value[1]
        self.heads = heads

    def forward(self, x):
        B, C, H, W = x.shape
        query = self.to_query(x).view(B, self.heads, -1, H * W)
        key = self.to_key(self.pool(x)).reshape(B, self.heads, query.shape[2], -1)
        value = self.to_value(x).reshape(B, self.heads, C // self.heads, -1)
        scores = torch.einsum("bhdn,bhdm->bhmn", query, key)   # keys before queries
        weights = (scores * (C // 2 // self.heads) ** -0.5).softmax(dim=2)
        read = torch.einsum("bhem,bhmn->bhen", value, weights).flatten(1, 2)
        read = self.last(read.unflatten(2, (H, W)))
        return torch.addcmul(x, self.gain.view(1, -1, 1, 1), read)
""",
)
given.same(
    "pooled-attention",
    """
class PooledAttention(nn.Module):
    def __init__(self, channels, heads, stride):
        super().__init__()
        def conv(c, bias=False):
            return nn.Conv2d(channels, c, 1, bias=bias)
        self.layers = nn.ModuleDict(
            dict(q=conv(channels // 2), k=conv(channels // 2), v=conv(channels),
                 o=conv(channels, True))
        )
        self.register_parameter("gain", nn.Parameter(torch.full([channels], 0.1)))
        self.heads, self.s = heads, stride

    def coarse(self, x):
        H, W = x.shape[2:]
        full = F.pad(x, (0, -W % self.s, 0, -H % self.s))
        seen = F.pad(torch.ones_like(x), (0, -W % self.s, 0, -H % self.s))
        return F.avg_pool2d(full, self.s) / F.avg_pool2d(seen, self.s)

    def forward(self, x):
        small, out = self.coarse(x), []
        q, k, v = self.layers.q(x), self.layers.k(small), self.layers.v(small)
        for parts in zip(*(t.flatten(2).transpose(1, 2).chunk(self.heads, 2)
                           for t in (q, k, v))):
            out.append(F.scaled_dot_product_attention(*parts))
        read = torch.cat(out, 2).transpose(1, 2).reshape(x.shape)
        return x + (self.layers.o(read).movedim(1, -1) * self.gain).movedim(-1, 1)
""",
)


def pooled(old: str, new: str, hint: str) -> None:
    """Note the reference of the block with one place changed."""
    given.changed("pooled-attention", old, new, hint=hint)


POOL = "F.avg_pool2d(x, self.stride, ceil_mode=True)"
OUT = "channels, channels, 1)"
pooled(POOL, "F.avg_pool2d(x, self.stride)", "Output size is too small")
pooled(
    POOL,
    "F.avg_pool2d(x, self.stride, ceil_mode=H < 4)",
    "Windows that the border cuts are left",
)
pooled(POOL, POOL.replace("avg", "max"), "the largest of each window")
pooled(POOL, "x", "come from all positions")
pooled(POOL, "x[:, :, :: self.stride, :: self.stride]", "one position of each")
pooled(
    POOL,
    "F.avg_pool2d(F.pad(x, (0, -W % self.stride, 0, -H % self.stride)), self.stride)",
    "averaged with zeros",
)
pooled(" / query.shape[2] ** 0.5", "", "The scores are not divided")
pooled("/ query.shape[2] ** 0.5", "/ (C // 2) ** 0.5", "all heads' width")
pooled("/ query.shape[2] ** 0.5", "/ value.shape[2] ** 0.5", "of the values' width")
pooled("/ query.shape[2] ** 0.5", "/ query.shape[2]", "by the width, not")
pooled("softmax(dim=-1)", "softmax(dim=-2)", "which axis does the softmax")
pooled("softmax(dim=-1)", "softmax(dim=1)", "which axis does the softmax")
pooled(
    "t.flatten(2).unflatten(1, (self.heads, -1)) ",
    "t.flatten(2).unflatten(1, (-1, self.heads)).transpose(1, 2) ",
    "numbers do not. Try each",
)
pooled(
    "read.reshape(B, C, H, W)",
    "read.mT.reshape(B, C, H, W)",
    "positions read different",
)
pooled(
    "self.heads, self.stride = heads",
    "self.heads, self.stride = 1",
    "There is one head",
)
pooled(
    "x + self.gain[:, None, None] * read",
    "self.gain[:, None, None] * read",
    "The input is not added",
)
pooled(
    "x + self.gain[:, None, None] * read",
    "self.gain[:, None, None] * (x + read)",
    "multiply the input as well",
)
pooled("x + self.gain[:, None, None] * read", "x + read", "factors are not used")
pooled(
    "torch.full((channels,), 0.1)",
    "torch.full((channels,), 1.0)",
    "gain does not start",
)
pooled("torch.full((channels,), 0.1)", "torch.tensor(0.1)", "too many indices")
pooled(
    "self.gain = nn.Parameter(torch.full((channels,), 0.1))",
    "self.scale = nn.Parameter(torch.full((channels,), 0.1))\n"
    "        self.gain = self.scale * 1",
    "one parameter `gain`",
)
pooled("channels, channels, 1)", "channels, channels, 1, bias=False)", "800 learned")
pooled(
    "return x + self",
    "with torch.no_grad(): read = read * 1\n        return x + self",
    "gets no gradient",
)


# --- telling-case -------------------------------------------------------------

given.same(
    "telling-case",
    """
def telling_case():
    draw = random.Random(5)
    x = torch.zeros(2, 4, 3, 2, dtype=torch.int64)
    for k in range(48):
        x.view(-1)[k] = draw.randint(-1, 1)
    value = total = 0.0                         # channel 3: the second head
    for row in range(3):
        for column in range(2):
            score = sum(int(x[1, c, 1, 1]) * int(x[1, c, row, column]) for c in (2, 3))
            score -= SLOPE * (abs(row - 1) + abs(column - 1))
            weight = 2.718281828459045**score
            total += weight
            value += weight * int(x[1, 3, row, column])
    return {"x": x, "heads": 2, "place": [1, 3, 1, 1], "value": value / total}
""",
)

# Right, whatever x, heads and place are: the value comes from a function without fault.
RIGHT = """
def right(x, heads):
    B, C, H, W = x.shape
    at = torch.cartesian_prod(torch.arange(H), torch.arange(W)).reshape(-1, 2).float()
    parts = x.reshape(B, heads, C // heads, H * W)
    scores = parts.mT @ parts - SLOPE * torch.cdist(at, at, p=1)
    return (parts @ scores.softmax(-1).mT).reshape(x.shape)

def telling_case():
    torch.manual_seed(3)
    x, heads, place = torch.randint(-1, 2, ({shape})).float(), {heads}, ({place})
    value = right(x, heads)[place].item() {off}
    return dict(x=x, heads=heads, place=place, value=value)
"""


def case(
    shape: str, heads: int, hint: str, place: str = "0, 0, 1, 1", off: str = ""
) -> None:
    """Note a random case of a shape."""
    code = RIGHT.format(shape=shape, heads=heads, place=place, off=off)
    given.wrong("telling-case", code, hint=hint)


given.same(
    "telling-case",
    RIGHT.format(shape="2, 4, 3, 2", heads=2, place="1, 3, 1, 1", off=""),
)
case("2, 3, 3, 3", 3, "it passes your test")
case("2, 4, 1, 7", 2, "it passes your test", "0, 0, 0, 4")
case("2, 4, 7, 1", 2, "it passes your test", "0, 0, 4, 0")
case("2, 4, 2, 5", 2, "60 are allowed")
case("2, 4, 2, 3", 1, "a single head")
case("2, 4, 2, 3", 4, "a head of one channel")
case("1, 4, 2, 3", 2, "a single image")
case("2, 4, 2, 3", 2, "not what a right function", off="+ 0.3")
given.changed("telling-case", "2.0]", "2.5]", hint="from -2 to 2")
given.changed(
    "telling-case", "softmax(dim=0)", "exp()", hint="not what a right function"
)
given.changed("telling-case", '"heads": 2', '"heads": 3', hint="do not divide")
given.changed(
    "telling-case",
    "[0, 1, 2, 1, 2, 3]",
    "[0, 1, 1, 2, 2, 3]",
    hint="it passes your test",
)


# --- ablation -----------------------------------------------------------------

given.same(
    "ablation",
    """
def ablation():
    def line(p):
        return zip(*([round(x, 3) for x in score(p, s)] for s in SEEDS))
    (placed, gaze), (without, _) = line(True), line(False)
    true = "".join(["a", "c" * (min(placed) > max(without)), "d" * (min(gaze) >= 0.5)])
    # The majority of all lamps, counted out.
    cases = [bin(k).count("1") for k in range(2**LAMPS)]
    best = sum(max(red, LAMPS - red) for red in cases) / LAMPS / 2**LAMPS
    return {"true": true, "best": best, "gaze": torch.tensor(gaze),
            "without": without, "with": list(placed)}
""",
)

# Numbers of a run that nobody had: they do for what is looked at before the run. The
# example has five lamps.
TYPED = """
def ablation():
    return {
        "without": [0.68, 0.69, 0.7], "with": [0.9, 0.92, 0.91],
        "gaze": [0.6, 0.7, 0.8], "best": 0.6875, "true": "ACD",
    }
"""


def ablation(old: str, new: str, hint: str) -> None:
    """Note what was typed with one place changed."""
    assert TYPED.count(old) == 1
    given.wrong("ablation", TYPED.replace(old, new), hint=hint)


ablation('0.8], "best": 0.6875', '80], "best": 0.5', "Shares lie between 0 and 1")
ablation("0.6875", "68.75", "'best' is a share")
ablation("0.69, 0.7]", "0.69]", "three shares")
ablation('"ACD"', '"A, C"', "letters from A to D")
ablation("0.6875", "0.5", "a coin does as well")
ablation("0.6875", "1", "a vehicle's own")
ablation("0.6875", "0.375", "the other lamps tie")
ablation("0.6875", "0.6", "narrowest majority")
ablation("0.6875", "0.69", "that the majority of the lamps")
ablation('"ACD"', '"CD"', "A: what tells one")
ablation('"ACD"', '"ABCD"', "B: does it agree")
ablation('"ACD"', '"AD"', "C: compare with")
ablation('"ACD"', '"AC"', "D: compare with")
ablation("0.8]", "0.4]", "D: compare with")
ablation("0.6875", "0.6874", "with: these are not the numbers")


class TestAnswers(AnswersOfAnAssignment):
    given = given
