// Which pixels of a row does one output of a stack of layers read, and by how many paths?
//
// A layer is {kernel, stride, rate}. Its output i reads `kernel` places of the map
// before it, `rate` apart, and the next output begins `stride` further on. Each map is
// padded so that a stride of 1 keeps its size.
//
// The usual recipe carries intervals: first and last pixel. It is wrong at the image's
// edge and blind to holes. Here a whole row of counts is carried instead.
"use strict";

const Field = (() => {
  const padding = ({ kernel, rate }) => Math.floor(((kernel - 1) * rate) / 2);

  // How many outputs a layer makes of a map of this size.
  function sizeAfter(layer, size) {
    const span = (layer.kernel - 1) * layer.rate + 1;
    return Math.floor((size + 2 * padding(layer) - span) / layer.stride) + 1;
  }

  // The sizes of all maps, the input first.
  function sizes(layers, input) {
    const all = [input];
    for (const layer of layers) all.push(sizeAfter(layer, all.at(-1)));
    return all;
  }

  // The places that output i reads, less those in the padding, where no pixel is.
  function taps(layer, i, size) {
    const places = [];
    for (let k = 0; k < layer.kernel; k++) {
      const place = i * layer.stride - padding(layer) + k * layer.rate;
      if (place >= 0 && place < size) places.push(place);
    }
    return places;
  }

  // For each map, the input first: by how many paths each of its places reaches the
  // chosen output. Walked backwards: a place passes its paths on to all that it reads.
  function paths(layers, input, output) {
    const all = sizes(layers, input).map((size) => new Array(size).fill(0));
    all.at(-1)[output] = 1;
    for (let n = layers.length - 1; n >= 0; n--) {
      all[n + 1].forEach((count, i) => {
        if (!count) return;
        for (const place of taps(layers[n], i, all[n].length)) all[n][place] += count;
      });
    }
    return all;
  }

  // The places that are reached at all.
  const reached = (counts) => [...counts.keys()].filter((place) => counts[place] > 0);

  // What each layer adds to the field, as if the image had no edges: its span less one,
  // in steps of the map that it reads, which the strides before it have made wider.
  function growth(layers) {
    let step = 1;
    return layers.map(({ kernel, stride, rate }) => {
      const added = { reach: kernel - 1, rate, step };
      step *= stride;
      return added;
    });
  }

  const fieldSize = (layers) =>
    growth(layers).reduce((sum, { reach, rate, step }) => sum + reach * rate * step, 1);

  // Where each map's places stand over the input: the first one, and the step.
  function positions(layers) {
    const all = [{ first: 0, step: 1 }];
    for (const layer of layers) {
      const { first, step } = all.at(-1);
      const middle = ((layer.kernel - 1) * layer.rate) / 2 - padding(layer);
      all.push({ first: first + step * middle, step: step * layer.stride });
    }
    return all;
  }

  return { sizes, taps, paths, reached, growth, fieldSize, positions };
})();
