// The lab, part 3 of 5: the backward pass, as far as the image.
//
// How much would each pixel of the image move one logit of one pixel of the answer? Put
// a gradient of 1 on that logit and walk the tape backwards. Each operation hands the
// gradient of what it made to what it read. Weights are not trained here, so theirs is
// never needed. These are the operations of the U-Nets; the lab asks no other network.
"use strict";

{
  const { newMap, convolve, mixChannels, sheetOf } = simsegLab;

  // `seed` holds the gradient of the logits at pixel (row, column), one a class.
  function imageGradient(network, maps, row, column, seed) {
    const gradients = maps.map(() => null); // null: nothing depends on it, so far
    const logits = maps[maps.length - 1];
    const start = newMap(logits.channels, logits.height, logits.width);
    seed.forEach((one, c) => { sheetOf(start, c)[row * start.width + column] = one; });
    gradients[maps.length - 1] = start;

    for (let made = maps.length - 1; made > 0; made--) {
      const operation = network.operations[made - 1];
      const gradient = gradients[made];
      if (operation.relu) closeReLU(gradient, maps[made]);
      const read = operation.from.map((number) => maps[number]);
      const back = BACKWARDS[operation.op];
      if (!back) throw new Error(`no backward rule for ${operation.op}`);
      const handed = back(operation, network.weights, gradient, maps[made], ...read);
      operation.from.forEach((number, n) => {
        gradients[number] = sum(gradients[number], handed[n]);
      });
    }
    return gradients[0];
  }

  // Each returns one gradient for each map that the operation read.
  const BACKWARDS = {
    // Pixel p reached its neighbour q by the weight from p to q. So backwards q reaches p
    // by the same weight: a convolution again, with its kernel turned by half a turn, and
    // what was read and what was made in exchanged places.
    conv({ channels, size, at }, weights, gradient, made, x) {
      const taps = size ** 2;
      const turned = new Float32Array(channels * x.channels * taps);
      for (let o = 0; o < channels; o++) {
        for (let i = 0; i < x.channels; i++) {
          for (let tap = 0; tap < taps; tap++) {
            turned[(i * channels + o) * taps + taps - 1 - tap] =
              weights[at + (o * x.channels + i) * taps + tap];
          }
        }
      }
      const none = new Float32Array(x.channels); // biases do not depend on the image
      const back = size === 1 ? mixChannels : convolve;
      return [back(gradient, turned, none, x.channels)];
    },

    // Each number wrote four, so it collects from four.
    up({ channels, at }, weights, gradient, made, x) {
      const g = newMap(x.channels, x.height, x.width);
      let k = at;
      for (let o = 0; o < channels; o++) {
        const from = sheetOf(gradient, o);
        for (let i = 0; i < x.channels; i++) {
          const sheet = sheetOf(g, i);
          for (let down = 0; down < 2; down++) {
            for (let right = 0; right < 2; right++) {
              const weight = weights[k++];
              let n = 0;
              for (let row = down; row < made.height; row += 2) {
                for (let column = right; column < made.width; column += 2) {
                  sheet[n++] += weight * from[row * made.width + column];
                }
              }
            }
          }
        }
      }
      return [g];
    },

    // Only the winner of a square mattered.
    pool(operation, weights, gradient, made, x) {
      const g = newMap(x.channels, x.height, x.width);
      made.winners.forEach((winner, n) => { g.data[winner] += gradient.data[n]; });
      return [g];
    },

    add(operation, weights, gradient) {
      return [gradient, gradient];
    },

    concat(operation, weights, gradient, made, skip, below) {
      const { data } = gradient;
      const [first, second] = [skip, below].map((x) => newMap(x.channels, x.height, x.width));
      first.data.set(data.subarray(0, first.data.length));
      second.data.set(data.subarray(first.data.length));
      return [first, second];
    },
  };

  // Where a ReLU returned zero it was closed: nothing that it read mattered.
  function closeReLU(gradient, made) {
    for (let n = 0; n < made.data.length; n++) if (made.data[n] <= 0) gradient.data[n] = 0;
  }

  // A map that is read twice gets both gradients. A new map each time: an addition hands
  // the same one to both that it read.
  function sum(a, b) {
    const total = newMap(b.channels, b.height, b.width);
    total.data.set(b.data);
    if (a) for (let n = 0; n < total.data.length; n++) total.data[n] += a.data[n];
    return total;
  }

  // The effective receptive field (Luo et al. 2016): each pixel's share in the gradient,
  // its three colours taken together. The shares add up to 1.
  function effectiveField(network, maps, row, column, seed) {
    const gradient = imageGradient(network, maps, row, column, seed);
    const field = new Float32Array(gradient.height * gradient.width);
    for (let c = 0; c < gradient.channels; c++) {
      sheetOf(gradient, c).forEach((one, n) => { field[n] += Math.abs(one); });
    }
    const total = field.reduce((a, b) => a + b, 0);
    return field.map((one) => one / total);
  }

  // Its size, as in the paper: the side of a square with as many pixels as count more
  // than 4.55 % of the largest (two deviations of a Gaussian hold the other 95.45 %).
  function fieldSize(field) {
    const largest = Math.max(...field);
    return Math.sqrt(field.filter((one) => one > 0.0455 * largest).length);
  }

  Object.assign(simsegLab, { imageGradient, effectiveField, fieldSize });
}
