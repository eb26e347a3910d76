"""What each kernel of torch does to a field, one function a kernel.

| module | what is in it |
|---|---|
| `registry.py` | `rule` and `Call`: how a rule is registered, and what it is given |
| `shared.py` | what several of the files below use |
| `windows.py` | convolution, pooling, resizing, padding, slicing |
| `mixing.py` | reductions, BatchNorm, products, attention |
| `views.py` | reshaping, joining |
| `beyond_book_mixing.py` | masks, scans, other norms and products |
| `beyond_book_views.py` | taking, reordering, writing |
| `beyond_book_patches.py` | patches, other poolings |

No network of the book meets the last three. The files of rules know nothing of each
other. Importing this folder registers them all, so that a rule of the reader's own
always comes later.
"""

from simseg_core.probes.field.rules import (
    beyond_book_mixing,
    beyond_book_patches,
    beyond_book_views,
    mixing,
    views,
    windows,
)

__all__ = [
    "beyond_book_mixing",
    "beyond_book_patches",
    "beyond_book_views",
    "mixing",
    "views",
    "windows",
]
