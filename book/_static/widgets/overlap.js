// How well do two masks agree? Masks are sets of pixels on a square image, here as an
// array of 0 and 1, row by row.
"use strict";

const Overlap = (() => {
  // A shape is a test of a place relative to its middle; `grow` makes it larger all
  // around. Middles lie between pixels, so that all sides are even.
  const SHAPES = {
    square: (x, y, grow) => Math.max(Math.abs(x), Math.abs(y)) < 5 + grow,
    disc: (x, y, grow) => Math.hypot(x, y) < 8 + grow,
    pole: (x, y, grow) => Math.abs(x) < 1 + grow && Math.abs(y) < 12 + grow,
    frame: (x, y, grow) => {
      const far = Math.max(Math.abs(x), Math.abs(y));
      return far < 10 + grow && far > 7 - grow;
    },
  };

  function mask(shape, side, { right = 0, down = 0, grow = 0 } = {}) {
    const middle = side / 2 - 0.5;
    return Array.from({ length: side * side }, (_, at) => Number(SHAPES[shape](
      at % side - middle - right, Math.floor(at / side) - middle - down, grow)));
  }

  // The pixels of a mask within `distance` of its contour: those with a pixel of no mask
  // in the square window around them. Beyond the image's edge there is no mask.
  function band(mask, side, distance) {
    const inside = (row, column) =>
      row >= 0 && row < side && column >= 0 && column < side && mask[row * side + column];
    return mask.map((is, at) => {
      if (!is) return 0;
      const row = Math.floor(at / side), column = at % side;
      for (let y = row - distance; y <= row + distance; y++) {
        for (let x = column - distance; x <= column + distance; x++) {
          if (!inside(y, x)) return 1;
        }
      }
      return 0;
    });
  }

  // Pixels of both masks, and of either.
  function count(a, b) {
    let both = 0, either = 0;
    a.forEach((is, at) => {
      both += is && b[at];
      either += is || b[at];
    });
    return { both, either };
  }

  function scores(label, prediction, side, distance) {
    const whole = count(label, prediction);
    const rims = count(band(label, side, distance), band(prediction, side, distance));
    const pixels = side * side;
    return {
      whole, rims,
      iou: whole.both / whole.either,
      // The sum of two masks counts what they share twice.
      dice: (2 * whole.both) / (whole.both + whole.either),
      boundary: rims.both / rims.either,
      accuracy: (pixels - whole.either + whole.both) / pixels,
    };
  }

  return { SHAPES, mask, band, scores };
})();
