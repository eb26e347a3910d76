"""Exercise 06.5: a wiring of 16 layers within four limits."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps

HELP = Help(
    read="Version 3: harmonic",
    ask="Suppose each layer reads its predecessor only: how far from the input is "
    "each? At which layer is the limit broken first, and which maps could that layer "
    "read to mend it? Note for each map how often it has been read.",
    idea="A smaller task: 8 layers, none more than 3 convolutions from the input, no "
    "map read more than twice. The chain alone puts layers 1, 2 and 3 at distances of "
    "1, 2 and 3, and layer 4 would be at 4. Let layer 4 read the input as well: it is "
    "at 1, and the input has its two readers, layers 1 and 4. Then 5 and 6 are at 2 "
    "and 3, and layer 7 would be at 4. The input may not be read again; but map 1 is "
    "at 1 and has one reader so far. Let layer 7 read it: it is at 2, and layer 8 at "
    "3. That took 8 + 2 = 10 links. In the same way: go along the chain until a layer "
    "is too far away, and give it the nearest map that may still be read.",
)

LAYERS, MOST_LINKS, MOST_STEPS, MOST_READERS = 16, 24, 4, 3


def wiring(answer: Callable[[], Sequence[Sequence[int]]], steps: Steps) -> None:
    """Design a wiring of your own."""
    call = "my_wiring()"
    got = steps.call(answer, named=call)
    should = f"{call} should return a list of lists: what layer 1 reads, layer 2, ..."
    if isinstance(got, str | Mapping) or not isinstance(got, Iterable):
        raise NotYet(should)
    reads = [steps.numbers(layer, should) for layer in got]
    if len(reads) == LAYERS + 1 and not reads[0]:
        raise NotYet("Layer 0 is the block's input and reads nothing: begin at 1.")
    steps.require(
        len(reads) == LAYERS,
        f"{LAYERS} layers",
        hint=f"{call} has {len(reads)} lists; one is wanted for each of the layers "
        f"1 to {LAYERS}.",
    )
    for n, sources in enumerate(reads, start=1):
        late = [source for source in sources if not 0 <= source < n]
        if late:
            raise NotYet(
                f"Layer {n} reads layer {late[0]}, which has not run yet: only 0 to "
                f"{n - 1} have."
            )
        if len(set(sources)) < len(sources):
            raise NotYet(f"Layer {n} reads one map twice.")
        if n - 1 not in sources:
            raise NotYet(f"Layer {n} does not read the layer right before it.")
    steps.right.append("every layer reads its predecessor, and no later layer")
    total = sum(map(len, reads))
    steps.require(
        total <= MOST_LINKS,
        f"{total} links",
        hint=f"{total} links are more than {MOST_LINKS}. {LAYERS} are fixed, so "
        f"{MOST_LINKS - LAYERS} are yours to place.",
    )
    away = [0]
    for sources in reads:
        away.append(1 + min(away[source] for source in sources))
    farthest = max(range(LAYERS + 1), key=away.__getitem__)
    steps.require(
        away[farthest] <= MOST_STEPS,
        f"no layer is more than {away[farthest]} convolutions from the input",
        hint=f"Layer {farthest} is {away[farthest]} convolutions from the block's "
        f"input; {MOST_STEPS} are the most. Where does a long run of layers begin?",
    )
    readers = [sum(n in sources for sources in reads) for n in range(LAYERS)]
    busiest = max(range(LAYERS), key=readers.__getitem__)
    steps.require(
        readers[busiest] <= MOST_READERS,
        f"no map is read more than {readers[busiest]} times",
        hint=f"Map {busiest} is read {readers[busiest]} times, {MOST_READERS} are "
        "the most. Another map near the input could serve in its place.",
    )
