"""Which input pixels can an output pixel depend on: what is its receptive field?

| module | what it does |
|---|---|
| `field.py` | `receptive_field`: the field of every operation and output |
| `effective.py` | `effective_receptive_field`: how much each of its pixels counts |
| `brute_force.py` | `gradient_support`: the same question by gradients, no rules |
| `open_operations.py`, `open_tensors.py` | how that runs what hides its reads |
| `outputs.py`, `report.py` | the fields of the outputs; what is reported of a tensor |
| `run.py`, `carry.py` | run without numbers, carry fields from kernel to kernel |
| `rules/` | what each kernel does to a field; add your own with `rule` |
| `arithmetic/` | fields as arrays of intervals |

A 3x3 convolution and a 2x2 pooling on an image of six rows, step by step.

1. The *taps* of an output are the positions of its input that it reads, here those of
the convolution's outputs 0 and 1. Tap -1 falls on the padding.

>>> import numpy as np
>>> from simseg_core.probes.field.arithmetic import taps
>>> conv = taps.convolution(6, 6, kernel=3, stride=1, padding=1, dilation=1)
>>> conv.taps(np.arange(2)).tolist()
[[-1, 0, 1], [0, 1, 2]]

2. A *term* holds the interval of each element of a tensor, as first and minus last row.
Row i of the image sees row i; an output sees what its taps see together, and padding
sees nothing.

>>> from simseg_core.probes.field.arithmetic.arrays import LOCAL
>>> from simseg_core.probes.field.arithmetic.terms import image_axis
>>> (image,) = image_axis(6, dim=2, rank=4, margin=0)
>>> map_of_conv = image.move(2, conv)
>>> map_of_conv.data[LOCAL].squeeze().tolist()
[[0, 0, 1, 2, 3, 4], [-1, -2, -3, -4, -5, -5]]

3. The *rule* of a kernel (`rules/windows.py`) reads kernel, stride and padding from the
call and moves the windows, along rows and columns. The pooling's moves by two:

>>> pool = taps.convolution(6, 3, kernel=2, stride=2, padding=0, dilation=1)
>>> map_of_pool = map_of_conv.move(2, pool)

4. The *report* says it for each position of an axis, clipped at the image's edges and
unclipped; the latter has a size, a stride and an offset, where position 0 begins.

>>> from simseg_core.probes.field.arithmetic.axis import axis_field
>>> rows = axis_field((map_of_pool,), (1, 1, 3, 6), usual=2)
>>> rows.first.tolist(), rows.last.tolist(), rows.size, rows.stride, rows.offset
([0, 1, 3], [2, 4, 5], 4, 2, -1)

`receptive_field` runs the network, meets the kernels and does these steps for each:

>>> from torch import nn
>>> from simseg_core.probes import receptive_field
>>> net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.MaxPool2d(2))
>>> rows = receptive_field(net, (1, 6, 6)).rows
>>> rows.first.tolist(), rows.last.tolist(), rows.size, rows.stride, rows.offset
([0, 1, 3], [2, 4, 5], 4, 2, -1)
"""
