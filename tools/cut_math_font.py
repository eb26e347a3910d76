"""Cut the book's font for formulas out of STIX Two Math: the letters and signs it uses.

The font is under the Open Font License, whose text lies beside it. The whole one comes
with ziamath: `pip install ziamath brotli`, then give the path of its
STIXTwoMath-Regular.ttf. tests/book/test_formulas.py tells when a sign is missing.

Usage: cut_math_font.py STIXTwoMath-Regular.ttf
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset

ROOT = Path(__file__).resolve().parent.parent
FONT = ROOT / "book" / "_static" / "fonts" / "math.woff2"
PRIME = 0x2032
LETTERS = (
    *range(0x20, 0x7F),
    *range(0x391, 0x3F6),  # Greek
    *(0x210E, *range(0x1D434, 0x1D468)),  # italic; its h stands elsewhere
    *range(0x1D6FC, 0x1D71C),  # italic Greek
)
SIGNS = (
    "±·×…′ℓℝ←↑→↓⇒∀∂∃∅∇∈∉∏∑−∓∘√∝∞‖∧∨∩∪∫∼≈≠≡≤≥≪≫⊂⊆⊕⊙⊗⋅⋮⋯⋱⌈⌉⌊⌋⟨⟩⏞⏟"
    "\u00a0\u0302\u0303\u0304"  # a space and accents
)


def main(path: str) -> None:
    """Write the font."""
    options = subset.Options(
        flavor="woff2", hinting=False, name_IDs=["*"], layout_closure=False
    )
    font = subset.load_font(path, options)
    # A prime stands in a superscript always; the font's plain one is made for the line,
    # and browsers do not choose the other by themselves yet.
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[PRIME] = "minute.ssty"
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[*LETTERS, *map(ord, SIGNS)])
    subsetter.subset(font)
    subset.save_font(font, FONT, options)


if __name__ == "__main__":
    main(*sys.argv[1:])
