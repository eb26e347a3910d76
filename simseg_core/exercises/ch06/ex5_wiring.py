"""Exercise 06.5: a wiring of 16 layers within four limits."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from simseg_core.exercises.bench.steps import NotYet, Steps

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
