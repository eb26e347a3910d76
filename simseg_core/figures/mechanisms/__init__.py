"""What a mechanism does, in a drawing of few words made from live numbers.

| file | draws |
|---|---|
| `ink.py` | (shared) the sheet: SVG in the page's own ink, a meaning a colour |
| `maps.py` | (shared) a map as a slab: its side and its channels to scale |
| `attend.py` | a query, four keys, four values: scores, softmax, the weighted sum |
| `gate.py` | a channel gate: what it reads, its MLP, how far each gate opens |
| `crop.py` | the centre crop of a skip, stacked on the map from below |
| `way_up.py` | why two pixels of a U-Net see different sizes |
| `taps.py` | where a rate puts its taps, and what three such layers read |
| `separable.py` | which weights touch which channel: full, depthwise, pointwise |
| `join.py` | DeepLabV3+'s decoder: narrow, resize, stack |
| `lifetimes.py` | which layers read a map, and how long it is kept |
| `surgery.py` | strides traded for rates, at output strides side by side |
"""
