// Two masks, to touch: drag the prediction over the label and watch the scores.
"use strict";

simsegWidget("overlap", (box) => {
  const { html, svg, squares, clamp } = Parts;
  const SIDE = 36; // pixels of the image's side
  const CELL = 10; // units of a pixel
  const FAR = 18; // pixels that a mask can be moved

  const TRIES = [
    ["a column off", { shape: "square", right: 1, down: 0, grow: 0, distance: 1 }],
    ["half a square off", { shape: "square", right: 5, down: 0, grow: 0, distance: 1 }],
    ["a blunt outline", { shape: "disc", right: 0, down: 0, grow: 1, distance: 1 }],
    ["a pole, two pixels off", { shape: "pole", right: 2, down: 0, grow: 0, distance: 1 }],
  ];
  const state = { ...TRIES[0][1] };
  const edges = Array.from({ length: SIDE + 1 }, (_, at) => at * CELL);
  const grid = edges.map((at) =>
    `M0 ${at}H${SIDE * CELL}M${at} 0V${SIDE * CELL}`).join("");
  let grip = null; // where a drag began, and where the mask was then

  const picture = svg("svg", {
    class: "widget-picture widget-drag", role: "img",
    viewBox: `-1 -1 ${SIDE * CELL + 2} ${SIDE * CELL + 2}`,
    onpointerdown: take, onpointermove: drag, onpointerup: letGo, onpointercancel: letGo,
  });
  const bars = ["IoU", "Dice", "Boundary IoU", "Pixel accuracy"].map((name) => {
    const value = html("span", { class: "widget-value" });
    const meter = html("progress", { max: 1, "aria-label": name });
    return { element: html("li", {}, html("span", {}, name), meter, value), meter, value };
  });
  const key = Parts.key([
    ["made", "both"], ["read", "label alone"], ["work", "prediction alone"],
  ]);
  const result = Parts.result();
  const shape = Parts.select("Shape",
    Object.keys(Overlap.SHAPES).map((name) => [name, name]), state.shape,
    (value) => show({ shape: value }));
  const slider = (label, name) => Parts.slider(label, (value) => show({ [name]: value }));
  const right = slider("To the right", "right");
  const down = slider("Down", "down");
  const grow = slider("Larger by", "grow");
  const distance = slider("Band", "distance");

  box.append(
    html("div", { class: "widget-row" },
      html("div", { class: "widget-main" }, picture),
      html("div", { class: "widget-scores" },
        html("ul", {}, ...bars.map((bar) => bar.element)), key)),
    result, Parts.tries(TRIES, show),
    html("div", { class: "widget-controls" },
      shape.element, right.element, down.element, grow.element, distance.element),
    html("p", { class: "widget-formula" }, "IoU: the pixels of both over the pixels of " +
      "either. Dice: twice the pixels of both over the sum of the two masks. Boundary " +
      "IoU: the IoU of the two bands (strong colours), which hold the pixels of each " +
      "mask that are near its own contour."),
  );
  show({});

  function take(event) {
    picture.setPointerCapture(event.pointerId);
    const { clientX: x, clientY: y } = event;
    grip = { x, y, right: state.right, down: state.down };
  }

  function drag(event) {
    if (!grip) return;
    const pixel = picture.getBoundingClientRect().width / SIDE;
    show({
      right: grip.right + Math.round((event.clientX - grip.x) / pixel),
      down: grip.down + Math.round((event.clientY - grip.y) / pixel),
    });
  }

  function letGo() {
    grip = null;
  }

  function show(change) {
    Object.assign(state, change);
    state.right = clamp(state.right, -FAR, FAR);
    state.down = clamp(state.down, -FAR, FAR);
    const pixels = (value) => `${value} ${Math.abs(value) === 1 ? "pixel" : "pixels"}`;
    shape.set(state.shape);
    right.set(state.right, { min: -FAR, max: FAR, words: pixels(state.right) });
    down.set(state.down, { min: -FAR, max: FAR, words: pixels(state.down) });
    grow.set(state.grow, { min: 0, max: 4, words: pixels(state.grow) });
    distance.set(state.distance, { min: 1, max: 4, words: pixels(state.distance) });
    const label = Overlap.mask(state.shape, SIDE);
    const prediction = Overlap.mask(state.shape, SIDE, state);
    draw(label, prediction);
    tell(Overlap.scores(label, prediction, SIDE, state.distance));
  }

  function draw(label, prediction) {
    const rims = [label, prediction].map((mask) => Overlap.band(mask, SIDE, state.distance));
    const middle = (at) =>
      [(at % SIDE + 0.5) * CELL, (Math.floor(at / SIDE) + 0.5) * CELL];
    const kinds = { "made": [], "made pale": [], "read": [], "read pale": [],
      "work": [], "work pale": [] };
    label.forEach((is, at) => {
      if (!is && !prediction[at]) return;
      const kind = is && prediction[at] ? "made" : is ? "read" : "work";
      const rim = rims[0][at] || rims[1][at];
      kinds[rim ? kind : `${kind} pale`].push(middle(at));
    });
    picture.replaceChildren(
      svg("path", { class: "faint", d: grid }),
      ...Object.entries(kinds).map(([kind, middles]) =>
        svg("path", { class: kind, d: squares(middles, CELL - 1) })));
  }

  function tell({ whole, rims, iou, dice, boundary, accuracy }) {
    [iou, dice, boundary, accuracy].forEach((score, at) => {
      bars[at].meter.value = score;
      bars[at].value.textContent = score.toFixed(2);
    });
    const words = `IoU ${iou.toFixed(2)}: ${whole.both} of ${whole.either} pixels. ` +
      `Dice ${dice.toFixed(2)}. Boundary IoU ${boundary.toFixed(2)}: ${rims.both} of ` +
      `${rims.either} pixels of the bands. ${(100 * accuracy).toFixed(1)} % of all ` +
      "pixels are right.";
    result.textContent = words;
    picture.setAttribute("aria-label", words);
  }
});
