"""Threads that the ledger names as sources are links to them."""

import re
from pathlib import Path

import planted_faults
from docutils import nodes

ROOT = Path(__file__).resolve().parents[2]
NUMBER = re.compile(r"#\s*\d+")
ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/(?:issues|pull)/\d+")


def outside_links(made: nodes.Node) -> str:
    """The text of a node, without that of its links."""
    return "".join(
        text
        for text in made.findall(nodes.Text)
        if not isinstance(text.parent, nodes.reference)
    )


def test_a_thread_is_linked_and_the_words_around_it_stay() -> None:
    made = planted_faults.link_threads("asked in a-b/c.d#12 and e/f_g#3; h as shipped")
    assert made.astext() == "asked in a-b/c.d#12 and e/f_g#3; h as shipped"
    links = {link.astext(): link["refuri"] for link in made.findall(nodes.reference)}
    assert links == {
        "a-b/c.d#12": "https://github.com/a-b/c.d/issues/12",
        "e/f_g#3": "https://github.com/e/f_g/issues/3",
    }


def test_text_without_a_thread_stays_plain() -> None:
    made = planted_faults.link_threads("public code, rule #1")
    assert outside_links(made) == "public code, rule #1"


def test_every_thread_of_the_planted_faults_is_a_link() -> None:
    seen = [
        row["seen"] for row in planted_faults.read_faults(ROOT / "tests" / "mutations")
    ]
    made = [planted_faults.link_threads(text) for text in seen]
    links = [link for each in made for link in each.findall(nodes.reference)]
    assert len(links) > 15
    for link in links:
        assert ADDRESS.fullmatch(link["refuri"])
    for text, each in zip(seen, made, strict=True):
        assert not NUMBER.search(outside_links(each)), f"write OWNER/REPO#N: {text}"


def test_every_thread_in_the_ledgers_own_text_is_a_link() -> None:
    text = (ROOT / "book" / "ledger.md").read_text()
    linked = re.compile(rf"\[[^\]]*\]\({ADDRESS.pattern}\)")
    assert not NUMBER.search(linked.sub("", text))
