// The lab, part 1 of 5: a network, as a page receives it.
//
// A network is a list of operations and one array of weights (tools/lab/tape.py writes
// both). Numbers travel as float16 in base64: two bytes each, and a plain script can
// hold them, so that the page also works from a folder, where nothing can be fetched.
"use strict";

const simsegLab = (window.simsegLab ??= {});

{
  // A map is what a layer returns: `channels` sheets of `height` x `width` numbers.
  // They lie in one array, sheet after sheet and row after row: PyTorch's (C, H, W).
  function newMap(channels, height, width) {
    const data = new Float32Array(channels * height * width);
    return { channels, height, width, data };
  }

  function bytes(base64) {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  }

  // A float16 is a sign, five bits of exponent and ten bits of fraction.
  function fromHalf(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = (bits & 0x3ff) / 1024;
    if (exponent === 0) return sign * fraction * 2 ** -14; // too small for a leading 1
    return sign * (1 + fraction) * 2 ** (exponent - 15);
  }

  function readNetwork({ operations, weights }) {
    const halves = new Uint16Array(bytes(weights).buffer);
    return { operations, weights: Float32Array.from(halves, fromHalf) };
  }

  // The image as a network wants it: means taken out, divided by the deviations.
  const MEAN = [0.485, 0.456, 0.406];
  const DEVIATION = [0.229, 0.224, 0.225];

  function normalize(photograph) {
    const { channels, height, width, data } = photograph;
    const image = newMap(channels, height, width);
    const sheet = height * width;
    for (let n = 0; n < data.length; n++) {
      const channel = Math.floor(n / sheet);
      image.data[n] = (data[n] / 255 - MEAN[channel]) / DEVIATION[channel];
    }
    return image;
  }

  // The class of each pixel: the channel with the largest logit.
  function classes(logits) {
    const sheet = logits.height * logits.width;
    const best = new Uint8Array(sheet);
    for (let n = 0; n < sheet; n++) {
      for (let c = 1; c < logits.channels; c++) {
        if (logits.data[c * sheet + n] > logits.data[best[n] * sheet + n]) best[n] = c;
      }
    }
    return best;
  }

  Object.assign(simsegLab, { newMap, bytes, readNetwork, normalize, classes });
}
