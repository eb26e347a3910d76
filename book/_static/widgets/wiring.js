// A block of layers that read earlier maps: who reads whom, how wide each map is, and
// how long it must be held. Layers count from 1; map 0 is the block's input.
"use strict";

const Wiring = (() => {
  // The maps that layer n reads, the nearest first.
  const RULES = {
    dense: (n) => Array.from({ length: n }, (_, i) => n - 1 - i), // all of them
    "log-dense": (n) => powers(n).map((power) => n - power), // 1, 2, 4, ... back
    harmonic: (n) => // of these only where the power of 2 divides n
      powers(n).filter((power) => n % power === 0).map((power) => n - power),
  };

  function powers(n) {
    const all = [];
    for (let power = 1; power <= n; power *= 2) all.push(power);
    return all;
  }

  // The channels that a harmonic layer makes: the growth, times the multiplier for each
  // further power of 2 that divides n. Made even once, at the end.
  function harmonicWidth(n, growth, multiplier) {
    let channels = growth;
    for (let power = 2; n % power === 0; power *= 2) channels *= multiplier;
    return Math.trunc(Math.trunc(channels + 1) / 2) * 2;
  }

  // The maps that leave: of a harmonic block the odd ones and the last, else all.
  function leaving(rule, layers, lastOnly) {
    const all = Array.from({ length: layers }, (_, i) => i + 1);
    if (lastOnly) return [layers];
    return rule === "harmonic" ? all.filter((n) => n % 2 || n === layers) : all;
  }

  const sum = (numbers) => numbers.reduce((total, one) => total + one, 0);

  function block({ rule, layers, growth, multiplier, input, lastOnly }) {
    const numbers = Array.from({ length: layers }, (_, i) => i + 1);
    const reads = [[], ...numbers.map(RULES[rule])];
    const width = (n) => rule === "harmonic" ? harmonicWidth(n, growth, multiplier) : growth;
    const widths = [input, ...numbers.map(width)];
    const leave = leaving(rule, layers, lastOnly);

    // A map is held from its own layer to the last that reads it, or to the exit, which
    // stands behind the last layer.
    const until = widths.map((_, map) => leave.includes(map) ? layers + 1
      : Math.max(map, ...numbers.filter((n) => reads[n].includes(map))));
    const held = numbers.map((n) =>
      widths.map((_, map) => map).filter((map) => map <= n && until[map] >= n));
    const room = held.map((maps) => sum(maps.map((map) => widths[map])));

    // For one pixel: a 3x3 convolution reads its maps, writes its own, and multiplies
    // each value read with nine weights for each value written.
    const read = numbers.map((n) => sum(reads[n].map((map) => widths[map])));
    return {
      reads, widths, leave, until, held, room,
      links: sum(reads.map((maps) => maps.length)),
      out: sum(leave.map((map) => widths[map])),
      cio: sum(read) + sum(widths.slice(1)),
      macs: sum(numbers.map((n, at) => 9 * read[at] * widths[n])),
    };
  }

  return { RULES, harmonicWidth, block };
})();
