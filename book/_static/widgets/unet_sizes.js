// Which sizes run through a U-Net, what is cut off where, and how far an output sees.
//
// A stage is two 3x3 convolutions, a step down a 2x2 pooling, a step up a transposed
// convolution that doubles. A valid convolution has no answer for the outermost pixels:
// a stage takes 2 from each side. Padded ones keep the size.
"use strict";

const UNetSizes = (() => {
  const RIM = 2; // what a stage takes from each side, or reads beyond it

  // All maps, level by level, from the input down and up again; `problem` is where a
  // valid network stops. Of a level: `input` and `skip`, before and behind its stage on
  // the way down; `up`, what arrives from below; `output`, behind the stage on the way
  // up; `cut`, what the crop takes from each side of the skip.
  function walk({ size, depth, padded }) {
    const taken = padded ? 0 : 2 * RIM;
    const levels = [];
    for (let level = 0; level <= depth; level++) {
      const skip = size - taken;
      levels.push({ input: size, skip });
      if (skip < 1) return { levels, problem: { level, kind: "small" } };
      const odd = skip % 2 === 1;
      if (level < depth && odd && !padded) {
        return { levels, problem: { level, kind: "odd" } };
      }
      size = Math.floor(skip / 2); // the pooling drops the last of an odd number
      if (level < depth && size < 1) {
        return { levels, problem: { level: level + 1, kind: "small" } };
      }
    }
    let below = levels[depth].skip;
    for (let level = depth - 1; level >= 0; level--) {
      const { skip } = levels[level];
      // In the padded network zeros stand in for the row that a pooling dropped.
      const up = padded ? skip : 2 * below;
      const output = up - taken;
      Object.assign(levels[level], { up, output, cut: (skip - up) / 2 });
      if (output < 1) return { levels, problem: { level, kind: "vanished" } };
      below = output;
    }
    return { levels, output: below };
  }

  // The fitting sizes on both sides of one: a lowest stage that reads b pixels needs
  // 2^depth (b + 4) - 4, and leaves 2^depth (b - 8) + 4.
  const inputOf = (b, depth) => 2 ** depth * (b + 2 * RIM) - 2 * RIM;
  const outputOf = (b, depth) => 2 ** depth * (b - 4 * RIM) + 2 * RIM;

  function neighbours(size, depth) {
    let smallest = 1;
    while (outputOf(smallest, depth) < 1) smallest++;
    const b = Math.floor((size + 2 * RIM) / 2 ** depth) - 2 * RIM;
    const below = b < smallest ? null : inputOf(b, depth);
    return [below, inputOf(Math.max(b + 1, smallest), depth)];
  }

  // The nearest fitting size, the larger of two that are equally near.
  function nearest(size, depth) {
    const [below, above] = neighbours(size, depth);
    return below !== null && size - below < above - size ? below : above;
  }

  // First and last input row that an output row sees. Walked back: a stage reads 2 more
  // on each side (of a valid map, whose own rows begin 2 further in, that is 4 more
  // behind), a doubling wrote rows 2j and 2j + 1 from row j, a pooling read them both.
  // What a skip sees lies within.
  function seen(row, { depth, padded }) {
    const [before, behind] = padded ? [RIM, RIM] : [0, 2 * RIM];
    let [first, last] = [row, row];
    for (let level = 0; level < depth; level++) {
      first = Math.floor((first - before) / 2);
      last = Math.floor((last + behind) / 2);
    }
    [first, last] = [first - before, last + behind];
    for (let level = 0; level < depth; level++) {
      first = 2 * first - before;
      last = 2 * last + 1 + behind;
    }
    return [first, last];
  }

  // The sizes of the fields of so many output rows. They repeat with the stride of the
  // lowest stage; where the outputs are fewer, not all sizes may occur.
  function fieldSizes(network, rows) {
    const sizes = new Set();
    for (let row = 0; row < Math.min(rows, 2 ** network.depth); row++) {
      const [first, last] = seen(row, network);
      sizes.add(last - first + 1);
    }
    return [...sizes].sort((a, b) => a - b);
  }

  // How many rows of a padded network's output see pixels alone.
  function withoutPadding(size, depth) {
    let count = 0;
    for (let row = 0; row < size; row++) {
      const [first, last] = seen(row, { depth, padded: true });
      if (first >= 0 && last < size) count++;
    }
    return count;
  }

  return { walk, inputOf, outputOf, neighbours, nearest, seen, fieldSizes, withoutPadding };
})();
