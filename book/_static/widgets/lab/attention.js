// The attention lab: a lamp that the reader turns, vehicles that must read it from afar,
// and the map of where each position looks. The network is chapter 01's and runs here.
"use strict";

{
  const { html: make, button, result, clamp } = Parts;
  const {
    choice, slider, picture, bar, percent, setOff, followPointer, followArrows, drawClasses,
    drawPhotograph, legend, eachFrame, atRest, readNetwork, normalize, forward, classes, LAMPS, readRoad,
    rightUnder,
  } = simsegLab;

  const STRIDE = 8; // pixels from one position that asks to the next
  const SEES = 7; // pixels that a position sees to each side of the first of its own

  simsegWidget("attention", (box) => {
    const data = simsegLab.signal;
    const { side, palette } = data;
    const across = side / STRIDE; // positions in a row
    const network = readNetwork(data.network);
    const attends = network.operations.findIndex(({ op }) => op === "attend");
    const trained = network.operations[attends].gamma;
    const scenes = data.scenes.map(readScene);

    // --- what the reader changes ---------------------------------------------------
    let number = 0;
    let lamp = "stop";
    let strength = 1; // of attention: gamma is this share of the trained one
    let asker; // the position that asks: [row, column] of the map

    // A scene with either lamp, and which positions can see the lamp themselves.
    function readScene(scene) {
      const { photographs, vehicles } = readRoad(scene, side);
      const [a, b] = Object.values(photographs).map(({ data }) => data);
      const seesLamp = new Uint8Array(across * across);
      for (let n = 0; n < a.length; n++) {
        if (a[n] === b[n]) continue;
        const pixel = n % (side * side);
        const [row, column] = [Math.floor(pixel / side), pixel % side];
        for (let position = 0; position < seesLamp.length; position++) {
          const down = row - STRIDE * Math.floor(position / across);
          const right = column - STRIDE * (position % across);
          if (Math.abs(down) <= SEES && Math.abs(right) <= SEES) seesLamp[position] = 1;
        }
      }
      return { photographs, vehicles, seesLamp, far: farthest(vehicles) };
    }

    // A position far from the lamp that is mostly vehicle: a good one to begin with.
    function farthest(vehicles) {
      const held = new Float32Array(across * across);
      vehicles.forEach((one, n) => {
        const row = Math.floor(n / side / STRIDE);
        held[row * across + Math.floor((n % side) / STRIDE)] += one / STRIDE ** 2;
      });
      let best = 0;
      held.forEach((share, n) => {
        const column = n % across;
        if (share > 0.6 && column < across - 1 && column >= best % across) best = n;
      });
      return [Math.floor(best / across), best % across];
    }

    // --- what follows from it ------------------------------------------------------
    function answerTo(state) {
      network.operations[attends].gamma = strength * trained;
      const maps = forward(network, normalize(scenes[number].photographs[state]));
      return { logits: maps.at(-1), gaze: maps[attends + 1].attention };
    }

    function right({ logits }, state) {
      return rightUnder(state, scenes[number].vehicles, logits);
    }

    function rowOf(gaze) {
      const at = (asker[0] * across + asker[1]) * across * across;
      return gaze.subarray(at, at + across * across);
    }

    let now = null; // the network's answer to what is shown

    const show = eachFrame(() => {
      now ??= answerTo(lamp);
      drawClasses(answer.canvas, classes(now.logits), palette);
      bars[lamp].set(right(now, lamp));
      const row = rowOf(now.gaze);
      const weights = new Float32Array(side * side);
      weights.forEach((_, n) => {
        const [down, along] = [Math.floor(n / side), n % side];
        const position = Math.floor(down / STRIDE) * across + Math.floor(along / STRIDE);
        weights[n] = row[position];
      });
      const seen = scenes[number].photographs[lamp];
      drawPhotograph(photograph.canvas, seen, weights, { dim: 0.65, glow: 0.6 });
      photograph.setMark(asker.map((one) => one * STRIDE), [STRIDE, STRIDE]);
      setOff(bars, lamp);
      tell();
    });

    // The other lamp, and words, once the reader has let go.
    const tell = atRest(() => {
      if (!now) return; // changed again: the next frame will come back here
      const other = lamp === "stop" ? "go" : "stop";
      bars[other].set(right(answerTo(other), other));
      const row = rowOf(now.gaze);
      const entropy = row.reduce((sum, one) => sum - (one ? one * Math.log(one) : 0), 0);
      const on = row.reduce((sum, one, n) => sum + one * scenes[number].seesLamp[n], 0);
      const spread = Math.exp(entropy).toFixed(1);
      const off = strength === 0 ? " At gamma 0 it looks, and nothing of it is used." : "";
      status.textContent =
        `Row ${asker[0] + 1}, column ${asker[1] + 1} of ${across}: its gaze amounts to ` +
        `${spread} of ${across ** 2} positions; ${Math.round(100 * on)} % of it lies where ` +
        `the lamp can be seen.${off}`;
    });

    function changed() {
      now = null;
      show();
    }

    function begin(chosen) {
      number = chosen;
      asker = scenes[number].far;
      changed();
    }

    // --- what the reader sees ------------------------------------------------------
    const photograph = picture(side, {
      role: "application",
      tabindex: 0,
      "aria-label": "The road. Arrow keys move the position that asks.",
    });
    photograph.canvas.dataset.tool = "ask";
    photograph.caption.textContent = "Touch a vehicle: bright is where it looks.";
    const answer = picture(side, { role: "img", "aria-label": "The network's answer" });
    answer.caption.textContent = "What the network says.";
    const bars = { stop: bar("lamp at stop", percent), go: bar("lamp at go", percent) };
    const gammaOf = (share) => (share === 0 ? "0" : (share * trained).toFixed(2));
    const range = { min: 0, max: 1, step: 0.02, value: strength };
    const gamma = slider("gamma", range, gammaOf, attendWith);
    function attendWith(share) {
      strength = share;
      gamma.set(share);
      changed();
    }
    const status = result();

    box.append(
      make("div", { class: "lab" },
        make("div", { class: "lab-pictures" }, photograph.element, answer.element),
        make("div", { class: "lab-strips" },
          choice("The lamp", LAMPS, lamp, (state) => { lamp = state; changed(); }),
          gamma.element,
          button("gamma to 0", () => attendWith(0)),
          button("as trained", () => attendWith(1))),
        make("div", { class: "lab-scores" },
          make("p", { class: "lab-title" }, "Pixels of vehicles, stop or go right"),
          bars.stop.element, bars.go.element),
        status,
        make("div", { class: "lab-last" },
          button("another road", () => begin((number + 1) % scenes.length))),
        legend(data.classes, palette)),
    );

    // --- the hand on the picture ---------------------------------------------------
    const { canvas } = photograph;

    function ask(place) {
      asker = place.map((one) => Math.floor(one / STRIDE));
      show();
    }

    followPointer(canvas, { press: ask, drag: ask, hover: ask });
    followArrows(canvas, (...step) => {
      asker = asker.map((one, n) => clamp(one + step[n], 0, across - 1));
      show();
    });

    begin(0);
  });
}
