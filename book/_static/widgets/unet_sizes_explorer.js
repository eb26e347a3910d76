// The sizes of a U-Net, to touch: bars as long as the maps are wide, in the shape of a U.
"use strict";

simsegWidget("unet-sizes", (box) => {
  const { html, svg, round } = Parts;
  const WIDTH = 360, PITCH = 84, TOP = 18; // units of the picture
  const LEFT = 84, RIGHT = 276; // the middles of the way down and of the way up
  const LONGEST = 160, THICK = 10;
  const LEAST = 16, MOST = 700; // pixels
  const NTH = ["first", "second", "third", "fourth", "fifth"];

  const TRIES = [
    ["the paper’s 572", { size: 572, depth: 4, padded: false }],
    ["200, which does not fit", { size: 200, depth: 4, padded: false }],
    ["188, the smallest", { size: 188, depth: 4, padded: false }],
    ["256, padded", { size: 256, depth: 4, padded: true }],
  ];
  const state = { ...TRIES[0][1] };

  const picture = svg("svg", { class: "widget-picture", role: "img" });
  const result = Parts.result();
  const formula = html("p", { class: "widget-formula" });
  const size = Parts.slider("Input side", (value) => show({ size: value }));
  const step = (words, way) => Parts.button(words, () => show({ size: fitting(way) }));
  const smaller = step("Next smaller fit", -1);
  const larger = step("Next larger fit", 1);
  const depth = Parts.select("Poolings",
    [1, 2, 3, 4, 5].map((value) => [value, String(value)]), state.depth,
    (value) => show({ depth: value }));
  const padded = Parts.select("Convolutions",
    [[false, "valid, as in the paper"], [true, "padded"]], state.padded,
    (value) => show({ padded: value }));

  const key = Parts.key([
    ["read", "a stage’s map on the way down; the skip"],
    ["deep", "from below, doubled"],
    ["made", "a stage’s map on the way up"],
    ["frame", "cut off"],
  ]);

  box.append(
    html("div", { class: "widget-row" },
      html("div", { class: "widget-main" }, picture), key),
    result, Parts.tries(TRIES, show),
    html("div", { class: "widget-controls" },
      size.element,
      html("div", { class: "widget-line" }, smaller, larger),
      html("div", { class: "widget-line" }, depth.element, padded.element)),
    formula,
  );
  show({});

  // The next size that fits, in one direction; null where there is none.
  function fitting(way) {
    const { neighbours } = UNetSizes;
    const found = way > 0
      ? neighbours(state.size, state.depth)[1]
      : neighbours(state.size - 1, state.depth)[0];
    return found !== null && found <= MOST ? found : null;
  }

  function show(change) {
    Object.assign(state, change);
    const walked = UNetSizes.walk(state);
    size.set(state.size, { min: LEAST, max: MOST, words: `${state.size} pixels` });
    depth.set(state.depth);
    padded.set(state.padded);
    for (const [button, way] of [[smaller, -1], [larger, 1]]) {
      button.disabled = state.padded || fitting(way) === null;
    }
    draw(walked);
    const words = tell(walked);
    result.textContent = words;
    picture.setAttribute("aria-label", words);
    formula.textContent = explain(walked);
  }

  function draw({ levels, problem }) {
    const scale = LONGEST / levels[0].input;
    const y = (level) => TOP + PITCH * level;
    const bar = (middle, top, pixels, kind) => svg("rect", {
      class: kind, x: round(middle - (pixels * scale) / 2), y: top,
      width: round(Math.max(pixels * scale, 1)), height: THICK, rx: 1.5,
    });
    const text = (x, at, words, kind = "middle") =>
      svg("text", { x, y: at, class: kind }, words);
    const arrow = (x, from, to) => svg("path", { class: "arrow",
      d: `M${x} ${from}V${to}m-3.5 ${to > from ? "-5l3.5 5l3.5 -5" : "5l3.5 -5l3.5 5"}` });

    const parts = [];
    levels.forEach(({ input, skip, up, output, cut }, level) => {
      const top = y(level);
      const stops = problem?.level === level && problem.kind !== "vanished";
      const sides = state.padded ? `${skip}` : `${input} → ${Math.max(skip, 0)}`;
      parts.push(
        text(LEFT, top - 5, stops && problem.kind === "odd" ? `${sides}, odd` : sides,
          stops ? "middle strong" : "middle"),
        ...(input > skip ? [bar(LEFT, top, input, "frame")] : []),
        bar(LEFT, top, Math.max(skip, 0), stops ? "work" : "read"));
      if (level + 1 < levels.length) {
        parts.push(arrow(LEFT, top + THICK + 6, y(level + 1) - 20));
      }
      if (up === undefined) return;
      // The skip over the map from below, in one frame: what sticks out is cut off.
      const far = RIGHT - (skip * scale) / 2 - 6;
      const near = LEFT + (skip * scale) / 2 + 4;
      if (far > near) {
        parts.push(svg("path", { class: "arrow",
          d: `M${round(near)} ${top + 5}H${round(far)}m-5 -3.5l5 3.5l-5 3.5` }));
      }
      parts.push(
        text(RIGHT, top - 5, cut ? `${skip} − ${2 * cut}` : `${skip}`),
        ...(cut ? [bar(RIGHT, top, skip, "frame")] : []),
        bar(RIGHT, top, up, "read"),
        bar(RIGHT, top + THICK + 2, up, "deep"),
        bar(RIGHT, top + 2 * THICK + 4, Math.max(output, 0),
          output < 1 ? "work" : "made"),
        text(RIGHT, top + 3 * THICK + 16,
          state.padded ? `${output}` : `${up} → ${Math.max(output, 0)}`,
          output < 1 ? "middle strong" : "middle"));
      // From the output of the level below, or from the lowest stage around the corner.
      if (level + 2 < levels.length) {
        parts.push(arrow(RIGHT, y(level + 1) - 20, top + 3 * THICK + 22));
      } else {
        const low = y(level + 1) + 5, to = top + 3 * THICK + 22;
        const from = LEFT + (levels[level + 1].skip * scale) / 2 + 4;
        parts.push(svg("path", { class: "arrow",
          d: `M${round(from)} ${low}H${RIGHT}V${to}m-3.5 5l3.5 -5l3.5 5` }));
      }
    });
    // As tall where it stops half way: nothing below may jump while the size is dragged.
    picture.setAttribute("viewBox", `0 0 ${WIDTH} ${y(state.depth) + 20}`);
    picture.replaceChildren(...parts);
  }

  function tell({ levels, problem, output }) {
    const { size, depth, padded } = state;
    if (problem) {
      const { input, skip, up } = levels[problem.level];
      const why = {
        odd: () => `before the ${NTH[problem.level]} pooling the map has ${skip} ` +
          "pixels, an odd number, and a pooling would drop one.",
        small: () => padded
          ? `no pixel is left for level ${problem.level + 1}.`
          : `a map of ${input} pixels is too small for two valid 3×3 convolutions.`,
        vanished: () => `on the way up a map of ${up} pixels is too small for two ` +
          "valid 3×3 convolutions.",
      }[problem.kind]();
      const near = padded ? "" :
        ` The nearest size that fits is ${UNetSizes.nearest(size, depth)}.`;
      return `${size} does not fit: ${why}${near}`;
    }
    const fields = UNetSizes.fieldSizes(state, output).join(" or ");
    if (padded) {
      const free = UNetSizes.withoutPadding(size, depth);
      const inside = free ? `The fields of ${free} of ${size} rows lie inside the image`
        : "No field lies inside the image";
      return `${size} → ${output}: nothing is cut off. ${inside} (a field has ${fields} ` +
        `rows); ${free ? "the other rows" : "every row"} may read padding.`;
    }
    return `${size} → ${output}: ${(size - output) / 2} pixels are lost on each side. ` +
      `Each output pixel sees ${fields} pixels a side, and none that was invented.`;
  }

  function explain({ levels, problem }) {
    const { depth, padded } = state;
    const times = 2 ** depth;
    if (padded) {
      return "A padded 3×3 convolution keeps the size: it reads a zero wherever it hangs " +
        "over the border. So any size runs; of an odd number a pooling drops the last " +
        "row, and a row of zeros stands in for it on the way up.";
    }
    const rule = "A stage takes 4 pixels, a pooling halves. Where the lowest stage reads " +
      `b pixels, the input has ${times}·(b + 4) − 4 and the output ${times}·(b − 8) + 4.`;
    if (problem) return rule;
    const b = levels[depth].input;
    return `${rule} Here b = ${b}: ${times}·${b + 4} − 4 = ${levels[0].input} and ` +
      `${times}·${b - 8} + 4 = ${levels[0].output}.`;
  }
});
