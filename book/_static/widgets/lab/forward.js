// The lab, part 2 of 5: the forward pass. This is all that a convolutional network does.
//
// Map 0 is the image. Each operation reads maps that are there and makes the next one;
// the last holds the logits. All maps are kept: the backward pass will ask for them.
"use strict";

{
  const { newMap } = simsegLab;

  // Maps that are `given`, by number, are taken as they are: so a page can go on from the
  // middle, or try what a network says of maps that it did not make.
  function forward(network, image, given = []) {
    const maps = [image];
    for (const operation of network.operations) {
      maps.push(given[maps.length] ?? make(operation, network.weights, maps));
    }
    return maps;
  }

  function make(operation, weights, maps) {
    const read = operation.from.map((number) => maps[number]);
    const made = OPERATIONS[operation.op](operation, weights, ...read);
    if (operation.relu) rectify(made);
    return made;
  }

  const OPERATIONS = {
    conv({ channels, size, stride, rate, at }, weights, x) {
      const kernels = weights.subarray(at, at + channels * x.channels * size ** 2);
      const biases = weights.subarray(at + kernels.length);
      if (size === 1) return mixChannels(everyOther(x, stride), kernels, biases, channels);
      return size === 3
        ? convolve(x, kernels, biases, channels, { stride, rate })
        : convolveWide(x, kernels, biases, channels, { size, stride });
    },

    // A transposed convolution of stride 2: each number writes a square of 2x2.
    up({ channels, at }, weights, x) {
      const y = newMap(channels, 2 * x.height, 2 * x.width);
      const kernels = weights.subarray(at, at + channels * x.channels * 4);
      const biases = weights.subarray(at + kernels.length);
      let k = 0;
      for (let o = 0; o < channels; o++) {
        const out = sheetOf(y, o).fill(biases[o]);
        for (let i = 0; i < x.channels; i++) {
          const sheet = sheetOf(x, i);
          for (let down = 0; down < 2; down++) {
            for (let right = 0; right < 2; right++) {
              const weight = kernels[k++];
              let n = 0;
              for (let row = down; row < y.height; row += 2) {
                for (let column = right; column < y.width; column += 2) {
                  out[row * y.width + column] += weight * sheet[n++];
                }
              }
            }
          }
        }
      }
      return y;
    },

    // Each square keeps its largest number; squares stand 2 apart, those of 3x3 overlap.
    // Who won is remembered for the way back.
    pool({ size = 2 }, weights, x) {
      const y = newMap(x.channels, x.height / 2, x.width / 2);
      const before = size - 2; // rows and columns that a square has beyond its own two
      y.winners = new Uint32Array(y.data.length);
      for (let n = 0; n < y.data.length; n++) {
        const line = 2 * Math.floor(n / y.width); // counted through all sheets
        const column = 2 * (n % y.width);
        const up = line % x.height ? before : 0; // no further than the map's edge
        const left = column ? before : 0;
        let winner = line * x.width + column;
        for (let row = line - up; row < line + 2; row++) {
          for (let at = row * x.width + column - left; at < row * x.width + column + 2; at++) {
            if (x.data[at] > x.data[winner]) winner = at;
          }
        }
        y.winners[n] = winner;
        y.data[n] = x.data[winner];
      }
      return y;
    },

    add(operation, weights, a, b) {
      const y = newMap(a.channels, a.height, a.width);
      for (let n = 0; n < y.data.length; n++) y.data[n] = a.data[n] + b.data[n];
      return y;
    },

    // All sheets of one map, then all of the next. A skip connection is no more than this.
    concat(operation, weights, ...maps) {
      const channels = maps.reduce((sum, map) => sum + map.channels, 0);
      const y = newMap(channels, maps[0].height, maps[0].width);
      let at = 0;
      for (const { data } of maps) {
        y.data.set(data, at);
        at += data.length;
      }
      return y;
    },

    // Image pooling: one number a sheet ...
    mean(operation, weights, x) {
      const y = newMap(x.channels, 1, 1);
      for (let c = 0; c < x.channels; c++) {
        const sheet = sheetOf(x, c);
        y.data[c] = sheet.reduce((sum, one) => sum + one, 0) / sheet.length;
      }
      return y;
    },

    // ... or the largest number of each sheet.
    most(operation, weights, x) {
      const y = newMap(x.channels, 1, 1);
      for (let c = 0; c < x.channels; c++) y.data[c] = Math.max(...sheetOf(x, c));
      return y;
    },

    // Through all sheets, at each position: the largest number, and the mean.
    across(operation, weights, x) {
      const y = newMap(2, x.height, x.width);
      const [most, mean] = [sheetOf(y, 0).fill(-Infinity), sheetOf(y, 1)];
      for (let c = 0; c < x.channels; c++) {
        sheetOf(x, c).forEach((one, n) => {
          most[n] = Math.max(most[n], one);
          mean[n] += one / x.channels;
        });
      }
      return y;
    },

    sigmoid(operation, weights, x) {
      return { ...x, data: x.data.map((one) => 1 / (1 + Math.exp(-one))) };
    },

    // Gates multiply: one number for a whole sheet, or one for each position.
    gate(operation, weights, x, gates) {
      const sheet = x.height * x.width;
      const of = gates.channels === 1 ? (n) => n % sheet : (n) => Math.floor(n / sheet);
      return { ...x, data: x.data.map((one, n) => one * gates.data[of(n)]) };
    },

    // The same number of each sheet at every position again.
    repeat(operation, weights, x, { height, width }) {
      const y = newMap(x.channels, height, width);
      for (let c = 0; c < x.channels; c++) sheetOf(y, c).fill(x.data[c]);
      return y;
    },

    // Self-attention: every position asks all others, and adds what it reads there.
    attend({ gamma }, weights, x, query, key, value) {
      const positions = x.height * x.width;
      const y = newMap(x.channels, x.height, x.width);
      y.attention = new Float32Array(positions * positions); // a row for each that asks
      for (let asker = 0; asker < positions; asker++) {
        const row = y.attention.subarray(asker * positions, (asker + 1) * positions);
        for (let other = 0; other < positions; other++) {
          for (let d = 0; d < query.channels; d++) {
            const at = d * positions;
            row[other] += query.data[at + asker] * key.data[at + other];
          }
        }
        softmax(row);
        for (let c = 0; c < x.channels; c++) {
          const at = c * positions;
          let reads = 0;
          for (let other = 0; other < positions; other++) {
            reads += row[other] * value.data[at + other];
          }
          y.data[at + asker] = gamma * reads + x.data[at + asker];
        }
      }
      return y;
    },

    // Bilinear: a pixel mixes the four numbers around its middle, seen from the small map.
    resize({ factor }, weights, x) {
      const y = newMap(x.channels, factor * x.height, factor * x.width);
      const rows = neighbours(x.height, factor);
      const columns = neighbours(x.width, factor);
      let n = 0;
      for (let c = 0; c < x.channels; c++) {
        const sheet = sheetOf(x, c);
        for (const [top, bottom, down] of rows) {
          const [above, below] = [top * x.width, bottom * x.width];
          for (const [left, right, across] of columns) {
            const high = sheet[above + left] * (1 - across) + sheet[above + right] * across;
            const low = sheet[below + left] * (1 - across) + sheet[below + right] * across;
            y.data[n++] = high * (1 - down) + low * down;
          }
        }
      }
      return y;
    },
  };

  // A 3x3 convolution: nine neighbours, nine weights, and the sum over all sheets read.
  // The neighbours stand `rate` pixels apart: 1 is the common convolution, more makes it
  // atrous. A frame of zeros around the input spares the question whether one is there.
  function convolve(x, kernels, biases, channels, { stride = 1, rate = 1 } = {}) {
    const y = newMap(channels, Math.ceil(x.height / stride), Math.ceil(x.width / stride));
    const { frame, width } = framed(x, rate);
    const right = 2 * rate;
    const framedSheet = frame.length / x.channels;
    let k = 0;
    for (let o = 0; o < channels; o++) {
      const out = sheetOf(y, o).fill(biases[o]);
      for (let i = 0; i < x.channels; i++) {
        const [a, b, c] = [kernels[k++], kernels[k++], kernels[k++]];
        const [d, e, f] = [kernels[k++], kernels[k++], kernels[k++]];
        const [g, h, j] = [kernels[k++], kernels[k++], kernels[k++]];
        let n = 0;
        for (let row = 0; row < y.height; row++) {
          let top = i * framedSheet + row * stride * width;
          for (let column = 0; column < y.width; column++, n++, top += stride) {
            const middle = top + rate * width;
            const bottom = middle + rate * width;
            out[n] +=
              a * frame[top] + b * frame[top + rate] + c * frame[top + right] +
              d * frame[middle] + e * frame[middle + rate] + f * frame[middle + right] +
              g * frame[bottom] + h * frame[bottom + rate] + j * frame[bottom + right];
          }
        }
      }
    }
    return y;
  }

  // A larger kernel, tap by tap: the same sum, slower, for the few layers that have one.
  function convolveWide(x, kernels, biases, channels, { size, stride }) {
    const y = newMap(channels, Math.ceil(x.height / stride), Math.ceil(x.width / stride));
    const { frame, width } = framed(x, (size - 1) / 2);
    const framedSheet = frame.length / x.channels;
    for (let o = 0; o < channels; o++) {
      const out = sheetOf(y, o).fill(biases[o]);
      for (let tap = 0; tap < x.channels * size ** 2; tap++) {
        const weight = kernels[o * x.channels * size ** 2 + tap];
        const [i, down] = [Math.floor(tap / size ** 2), Math.floor(tap / size) % size];
        const corner = i * framedSheet + down * width + (tap % size);
        for (let n = 0; n < out.length; n++) {
          const row = stride * Math.floor(n / y.width);
          out[n] += weight * frame[corner + row * width + stride * (n % y.width)];
        }
      }
    }
    return y;
  }

  function framed(x, border) {
    const [height, width] = [x.height + 2 * border, x.width + 2 * border];
    const frame = new Float32Array(x.channels * height * width);
    for (let row = 0; row < x.channels * x.height; row++) {
      const sheet = Math.floor(row / x.height);
      const inside = row + border + 2 * border * sheet; // each sheet has two borders more
      const numbers = x.data.subarray(row * x.width, (row + 1) * x.width);
      frame.set(numbers, inside * width + border);
    }
    return { frame, width };
  }

  // A 1x1 convolution looks at no neighbour: it mixes the sheets, pixel by pixel.
  function mixChannels(x, kernels, biases, channels) {
    const y = newMap(channels, x.height, x.width);
    for (let o = 0; o < channels; o++) {
      const out = sheetOf(y, o).fill(biases[o]);
      for (let i = 0; i < x.channels; i++) {
        const sheet = sheetOf(x, i);
        const weight = kernels[o * x.channels + i];
        for (let n = 0; n < out.length; n++) out[n] += weight * sheet[n];
      }
    }
    return y;
  }

  // What a stride leaves of a map: its first row and column, and so on.
  function everyOther(x, stride) {
    if (stride === 1) return x;
    const y = newMap(x.channels, Math.ceil(x.height / stride), Math.ceil(x.width / stride));
    let n = 0;
    for (let c = 0; c < x.channels; c++) {
      const sheet = sheetOf(x, c);
      for (let row = 0; row < x.height; row += stride) {
        for (let column = 0; column < x.width; column += stride) {
          y.data[n++] = sheet[row * x.width + column];
        }
      }
    }
    return y;
  }

  function rectify({ data }) {
    for (let n = 0; n < data.length; n++) if (data[n] < 0) data[n] = 0;
  }

  function softmax(row) {
    const largest = Math.max(...row); // taken out, so that no power overflows
    let sum = 0;
    for (let n = 0; n < row.length; n++) sum += row[n] = Math.exp(row[n] - largest);
    for (let n = 0; n < row.length; n++) row[n] /= sum;
  }

  // For each pixel of an enlarged row: the two it lies between, and how far along.
  function neighbours(size, factor) {
    return Array.from({ length: size * factor }, (_, n) => {
      const place = Math.max((n + 0.5) / factor - 0.5, 0);
      const first = Math.floor(place);
      return [first, Math.min(first + 1, size - 1), place - first];
    });
  }

  function sheetOf(map, channel) {
    const sheet = map.height * map.width;
    return map.data.subarray(channel * sheet, (channel + 1) * sheet);
  }

  Object.assign(simsegLab, { forward, convolve, mixChannels, sheetOf });
}
