// The rates lab: a sign of any size, and how far a network must see to name its middle.
// Four networks of chapter 04, alike up to one place: a 3x3 convolution whose taps stand
// 1, 2 or 4 apart, or ASPP, which has several rates side by side.
"use strict";

{
  const { html: make, result, clamp } = Parts;
  const {
    choice, slider, picture, bar, percent, setOff, followPointer, followArrows, drawClasses,
    drawPhotograph, legend, eachFrame, atRest, readNetwork, readWall, paintSign, normalize, forward, classes,
  } = simsegLab;

  const RATES = { 1: "rate 1", 2: "rate 2", 4: "rate 4", aspp: "ASPP" };

  simsegWidget("rates", (box) => {
    const data = simsegLab.signs;
    const { side, palette } = data;
    const wall = readWall(data.scene);
    const { sign } = wall;
    const networks = Object.fromEntries(
      Object.entries(data.networks).map(([name, tape]) => [name, readNetwork(tape)]),
    );
    const radii = Object.keys(wall.symbols).map(Number);
    const rims = Object.fromEntries(data.classes.slice(1).map((name, n) => [n + 1, name]));
    let shown = "1";

    // --- what follows from the sign ------------------------------------------------
    let scene = null;
    let answers = {};

    function answerOf(name) {
      if (!answers[name]) {
        const maps = forward(networks[name], normalize(scene.photograph));
        answers[name] = classes(maps.at(-1));
        bars[name].set(right(answers[name]));
      }
      return answers[name];
    }

    // Of the sign's pixels, the share that got its class.
    function right(answer) {
      let [hits, all] = [0, 0];
      scene.label.forEach((one, n) => {
        if (!one) return;
        all++;
        if (answer[n] === one) hits++;
      });
      return hits / all;
    }

    const show = eachFrame(() => {
      scene ??= paintSign(wall, { side });
      drawPhotograph(photograph.canvas, scene.photograph);
      drawClasses(answer.canvas, answerOf(shown), palette);
      // What the sign's middle sees: a square, up to the rim or not.
      const field = data.fields[shown];
      const [rows, columns] = [sign.row, sign.column].map((n) => field?.[n]);
      photograph.setMark(field ? [rows[0], columns[0]] : null,
        field && [rows[1] - rows[0] + 1, columns[1] - columns[0] + 1]);
      setOff(bars, shown);
      tell();
    });

    function changed() {
      scene = null;
      answers = {};
      show();
    }

    // The other networks, and words, once the reader has let go.
    const tell = atRest(() => {
      if (!scene) return; // changed again: the next frame will come back here
      Object.keys(RATES).forEach(answerOf);
      const across = 2 * sign.radius;
      const field = data.fields[shown]?.[Math.floor(side / 2)];
      const sees = field
        ? `At ${RATES[shown]} its middle sees ${field[1] - field[0] + 1} pixels across.`
        : "With image pooling, ASPP sees all of the picture.";
      status.textContent = `The sign is ${across} pixels across. ${sees}`;
    });

    // --- what the reader sees ------------------------------------------------------
    const photograph = picture(side, {
      role: "application",
      tabindex: 0,
      "aria-label": "The sign. Arrow keys move it.",
    });
    photograph.canvas.dataset.tool = "move";
    photograph.caption.textContent = "Drag it. The square: all that its middle sees.";
    const answer = picture(side, { role: "img", "aria-label": "The network's answer" });
    answer.caption.textContent = "What the network says.";
    const bars = Object.fromEntries(
      Object.entries(RATES).map(([name, words]) => [name, bar(words, percent)]),
    );
    const range = { min: radii[0], max: radii.at(-1), value: sign.radius };
    const size = slider("size", range, (radius) => `${2 * radius} px`, (radius) => {
      sign.radius = radius;
      changed();
    });
    const status = result();

    box.append(
      make("div", { class: "lab" },
        make("div", { class: "lab-pictures" }, photograph.element, answer.element),
        make("div", { class: "lab-strips" },
          choice("The taps", RATES, shown, (name) => { shown = name; show(); }),
          choice("The rim", rims, String(sign.kind), (kind) => {
            sign.kind = Number(kind);
            changed();
          })),
        make("div", { class: "lab-sliders" }, size.element),
        make("div", { class: "lab-scores" },
          make("p", { class: "lab-title" }, "Pixels of the sign that are right"),
          ...Object.values(bars).map(({ element }) => element)),
        status,
        legend(data.classes, palette)),
    );

    // --- the hand on the picture ---------------------------------------------------
    const { canvas } = photograph;

    function move(down, across) {
      sign.row = clamp(sign.row + down, 0, side - 1);
      sign.column = clamp(sign.column + across, 0, side - 1);
      changed();
    }

    followPointer(canvas, {
      drag: (here, last) => move(here[0] - last[0], here[1] - last[1]),
    });
    followArrows(canvas, move);

    show();
  });
}
