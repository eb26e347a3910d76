// The receptive field, to touch: a row of pixels, layers under it, one output below.
"use strict";

// Chapter 03 is about strides, chapter 04 about rates: each starts with its own.
simsegWidget("receptive-field", (box) => exploreField(box, "strides of a ResNet"));
simsegWidget("gridding", (box) => exploreField(box, "rates 2, 2, 2"));

function exploreField(box, start) {
  const { html, svg, squares, round, clamp, percent } = Parts;
  const INPUT = 33; // pixels of the row: room for 1 + 2 (1 + 2 + 5) and for strides
  const MOST = 5; // layers
  const WIDTH = 360, TOP = 40, PITCH = 46; // units of the picture
  const STEP = WIDTH / INPUT, SIDE = 8;
  const PLANE = 180;
  const LEVELS = 5; // shades of the plane: from read once to read most often

  const stack = (...rows) =>
    rows.map(([kernel, stride, rate]) => ({ kernel, stride, rate }));
  const TRIES = [
    ["three 3×3", stack([3, 1, 1], [3, 1, 1], [3, 1, 1])],
    ["strides of a ResNet", stack([7, 2, 1], [3, 2, 1], [3, 1, 1], [3, 2, 1])],
    ["rates 2, 2, 2", stack([3, 1, 2], [3, 1, 2], [3, 1, 2])],
    ["rates 1, 2, 5", stack([3, 1, 1], [3, 1, 2], [3, 1, 5])],
  ];
  const state = { layers: [], output: 0 };

  const picture = svg("svg", { class: "widget-picture", role: "img" });
  Parts.follow(picture, point);
  const plane = svg("svg", {
    class: "widget-picture", role: "img", viewBox: `-1 -1 ${PLANE + 2} ${PLANE + 2}`,
  });
  const planeWords = html("figcaption");
  const result = Parts.result();
  const formula = html("p", { class: "widget-formula" });
  const output = Parts.slider("Output pixel", (value) => show({ output: value }));
  const rows = html("div", { class: "widget-layers" });
  const add = Parts.button("Add a layer", () =>
    rebuild([...state.layers, { kernel: 3, stride: 1, rate: 1 }]));

  box.append(
    html("div", { class: "widget-row" },
      html("div", { class: "widget-main" }, picture),
      html("figure", { class: "widget-side" }, plane, planeWords)),
    result,
    Parts.tries(TRIES, rebuild),
    html("div", { class: "widget-controls" }, output.element, rows, add),
    formula,
  );
  rebuild(TRIES.find(([name]) => name === start)[1]);

  // New layers: new controls, and an output in the middle.
  function rebuild(layers) {
    const middle = Math.floor(Field.sizes(layers, INPUT).at(-1) / 2);
    const heads = ["", "kernel", "stride", "rate", ""];
    rows.replaceChildren(
      ...heads.map((head) => html("span", { "aria-hidden": "true" }, head)),
      ...layers.flatMap((layer, n) => layerControls(layer, n, layers.length === 1)));
    add.disabled = layers.length === MOST;
    show({ layers, output: middle });
  }

  function layerControls(layer, n, alone) {
    const change = (name) => (value) => {
      const layers = state.layers.map((one, at) =>
        at === n ? { ...one, [name]: value } : one);
      show({ layers });
    };
    const field = (name, values) => Parts.select(
      `${name} of layer ${n + 1}`, values.map((value) => [value, String(value)]),
      layer[name], change(name)).element;
    return [
      html("span", {}, `Layer ${n + 1}`),
      field("kernel", [1, 2, 3, 5, 7]),
      field("stride", [1, 2]),
      field("rate", [1, 2, 3, 4, 5, 6]),
      Parts.button("×", () => {
        rebuild(state.layers.filter((_, at) => at !== n));
        add.focus(); // the button that had the focus is gone
      }, { "aria-label": `Remove layer ${n + 1}`, disabled: alone }),
    ];
  }

  // The output nearest to a place of the picture is chosen.
  function point(share) {
    const pixel = share * INPUT - 0.5;
    const { first, step } = Field.positions(state.layers).at(-1);
    show({ output: Math.round((pixel - first) / step) });
  }

  function show(change) {
    Object.assign(state, change);
    const { layers } = state;
    const sizes = Field.sizes(layers, INPUT);
    state.output = clamp(state.output, 0, sizes.at(-1) - 1);
    const paths = Field.paths(layers, INPUT, state.output);
    const seen = Field.reached(paths[0]);
    output.set(state.output, { max: sizes.at(-1) - 1 });
    draw(paths, seen);
    drawPlane(paths[0], seen);
    tell(seen);
  }

  function draw(paths, seen) {
    const { layers } = state;
    const places = Field.positions(layers);
    const x = (map, place) =>
      STEP * (places[map].first + place * places[map].step + 0.5);
    const y = (map) => TOP + PITCH * map;
    const at = (map) => (place) => [x(map, place), y(map)];

    const height = y(layers.length) + 26;
    picture.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
    const lines = [], parts = [];
    layers.forEach((layer, n) => {
      for (const i of Field.reached(paths[n + 1])) {
        for (const place of Field.taps(layer, i, paths[n].length)) {
          lines.push(`M${round(x(n + 1, i))} ${y(n + 1)}L${round(x(n, place))} ${y(n)}`);
        }
      }
    });
    parts.push(svg("path", { class: "taps", d: lines.join("") }));
    paths.forEach((counts, map) => {
      const all = [...counts.keys()];
      const kind = map === 0 ? "read" : map === layers.length ? "made" : "work";
      const unread = all.filter((place) => !counts[place]);
      const hole = (place) =>
        map === 0 && place > seen[0] && place < seen.at(-1);
      parts.push(
        svg("path", { class: "faint", d: squares(unread.map(at(map)), SIDE) }),
        svg("path", { class: "hole", d: squares(unread.filter(hole).map(at(map)), SIDE) }),
        svg("path", { class: kind, d: squares(Field.reached(counts).map(at(map)), SIDE) }),
      );
    });
    layers.forEach(({ kernel, stride, rate }, n) => parts.push(
      svg("text", { x: 0, y: y(n) + PITCH / 2 + 4, class: "label" },
        `${kernel}×${kernel}` + (stride > 1 ? `, stride ${stride}` : "") +
        (rate > 1 ? `, rate ${rate}` : ""))));
    parts.push(svg("text", {
      x: round(clamp(x(layers.length, state.output), 32, WIDTH - 32)), y: height - 6,
      class: "middle",
    }, `output ${state.output}`));
    picture.replaceChildren(...parts);
    if (!seen.length) return;
    const [left, right] = [x(0, seen[0]) - STEP / 2, x(0, seen.at(-1)) + STEP / 2];
    picture.append(
      svg("path", { class: "bracket", d: `M${round(left)} 26v-6H${round(right)}v6` }),
      svg("text", {
        x: round(clamp((left + right) / 2, 40, WIDTH - 40)), y: 12, class: "middle",
      }, `field: ${seen.at(-1) - seen[0] + 1}`));
  }

  // In the plane the paths along the rows and along the columns multiply.
  function drawPlane(counts, seen) {
    const [from, to] = seen.length ? [seen[0], seen.at(-1)] : [0, -1];
    const pixels = to - from + 1;
    const step = PLANE / pixels, side = round(step * 0.86);
    const most = Math.max(...counts) ** 2;
    const shades = Array.from({ length: LEVELS + 1 }, () => []);
    for (let row = from; row <= to; row++) {
      for (let column = from; column <= to; column++) {
        const count = counts[row] * counts[column];
        // Logarithms: the middle is read hundreds of times as often as the rim.
        const level = Math.ceil(LEVELS * (Math.log1p(count) / Math.log1p(most)));
        shades[level].push([(column - from + 0.5) * step, (row - from + 0.5) * step]);
      }
    }
    plane.replaceChildren(...shades.map((middles, level) => svg("path", {
      class: level ? "read" : "faint",
      "fill-opacity": level ? level / LEVELS : 0,
      d: squares(middles, side),
    })));
    const share = (seen.length / pixels) ** 2;
    const words = !pixels ? "In the plane: no pixel is read." : share === 1
      ? `In the plane: all ${pixels}×${pixels} pixels are read, the dark ones by most paths.`
      : `In the plane: ${percent(share)} of ${pixels}×${pixels} pixels are read.`;
    planeWords.textContent = words;
    plane.setAttribute("aria-label", words);
  }

  function tell(seen) {
    const whole = Field.fieldSize(state.layers);
    const terms = Field.growth(state.layers)
      .map(({ reach, rate, step }) => ` + ${reach}·${rate}·${step}`);
    formula.textContent =
      "A layer adds (kernel − 1) · rate · step pixels to the field. The step is the " +
      `product of the strides before it. Here: 1${terms.join("")} = ${whole}.`;
    const words = seen.length ? sight(seen, whole) :
      `Output ${state.output} sees no pixel: all that it reads is padding.`;
    result.textContent = words;
    picture.setAttribute("aria-label", words);
  }

  function sight(seen, whole) {
    const [from, to] = [seen[0], seen.at(-1)];
    const size = to - from + 1, holes = size - seen.length;
    return `Output ${state.output} sees pixels ${from} to ${to}, a field of ${size}. ` +
      (holes
        ? `It reads ${seen.length} of them; the other ${holes} never reach it.`
        : "It reads every one of them.") +
      (size < whole ? ` Without the image's edges the field would have ${whole}.` : "");
  }
}
