// The skips lab: a street that the reader changes, and a U-Net's answer with and without
// its skip connections. Both networks are real and run here, in the page.
"use strict";

{
  const { html: make, button, select, result, clamp } = Parts;
  const {
    choice, slider, picture, bar, setOff, followPointer, followArrows, drawClasses,
    drawPhotograph, iou, count, legend, eachFrame, atRest, readNetwork, readStreet, paintStreet, vehicleAt,
    normalize, forward, classes, effectiveField, fieldSize,
  } = simsegLab;

  const TOOLS = { move: "move", paint: "paint a wire", ask: "ask a pixel" };
  const HINTS = {
    move: "Drag a pole or a car.",
    paint: "Draw a thin line.",
    ask: "Bright: the pixels that decide.",
  };
  const ANSWERS = { with: "with skips", without: "without", truth: "the truth" };

  simsegWidget("skips", (box) => {
    const data = simsegLab.street;
    const { side, palette } = data;
    const vehicleClass = data.classes.indexOf("vehicle");
    const poleClass = data.classes.indexOf("pole or wire");
    const streets = data.scenes.map(readStreet);
    const networks = Object.fromEntries(
      Object.entries(data.networks).map(([name, tape]) => [name, readNetwork(tape)]),
    );

    // --- what the reader changes ---------------------------------------------------
    let number, street, painted;
    let tool = "move";
    let shown = "with";
    let place = [Math.floor(side / 4), Math.floor(side / 2)]; // the asked pixel, or the pen

    function begin(chosen) {
      number = chosen;
      street = structuredClone(streets[number]);
      painted = new Set();
      for (const [name, one] of Object.entries(sliders)) one.set(street.poles[name]);
      changed();
    }

    function movePoles(across, down) {
      const { poles } = street;
      poles.first = (((poles.first + across) % poles.gap) + poles.gap) % poles.gap;
      poles.height = clamp(poles.height - down, 6, poles.foot - 1);
      sliders.first.set(poles.first);
      sliders.height.set(poles.height);
      changed();
    }

    // A line of pixels from one to another, without gaps.
    function paintLine([y0, x0], [y1, x1]) {
      const steps = Math.max(Math.abs(y1 - y0), Math.abs(x1 - x0), 1);
      for (let n = 0; n <= steps; n++) {
        const row = Math.round(y0 + ((y1 - y0) * n) / steps);
        painted.add(row * side + Math.round(x0 + ((x1 - x0) * n) / steps));
      }
      changed();
    }

    // --- what follows from it ------------------------------------------------------
    // Each network's last answer to the street as it is now; emptied by every change.
    let scene = null;
    let answers = {};

    function answerOf(name) {
      if (!answers[name]) {
        const maps = forward(networks[name], normalize(scene.photograph));
        answers[name] = { maps, labels: classes(maps.at(-1)) };
        bars[name].set(iou(answers[name].labels, scene.label, poleClass));
      }
      return answers[name];
    }

    // What decides the answer at `place`: the gradient of the class that won there.
    function fieldOf(name) {
      const { maps, labels } = answerOf(name);
      const [row, column] = place;
      const winner = labels[row * side + column];
      const seed = data.classes.map((_, n) => (n === winner ? 1 : 0));
      return { field: effectiveField(networks[name], maps, row, column, seed), winner };
    }

    const show = eachFrame(() => {
      scene ??= paintStreet(street, { side, vehicleClass, poleClass, painted });
      const labels = shown === "truth" ? scene.label : answerOf(shown).labels;
      drawClasses(answer.canvas, labels, palette);
      let glow = null;
      if (tool === "ask") {
        const { field } = fieldOf(shown === "truth" ? "with" : shown);
        const largest = Math.max(...field);
        glow = field.map((one) => one / largest);
      }
      drawPhotograph(photograph.canvas, scene.photograph, glow);
      for (const one of [photograph, answer]) one.setMark(tool === "move" ? null : place);
      setOff(bars, shown);
      tell();
    });

    function changed() {
      scene = null;
      answers = {};
      show();
    }

    // The other network, and words, once the reader has let go.
    const tell = atRest(() => {
      if (!scene) return; // changed again: the next frame will come back here
      const [a, b] = ["with", "without"].map((name) => answerOf(name).labels);
      status.textContent = tool === "ask" ? wordsOfPixel() : wordsOfScene(a, b);
    });

    function wordsOfScene(a, b) {
      const [truth, sharp, blunt] = [scene.label, a, b].map((one) => count(one, poleClass));
      const found =
        blunt > 1.25 * truth ? ": a band where thin lines are" :
        blunt < 0.25 * truth ? ": next to nothing" : "";
      return `Poles and wires cover ${truth} pixels. With skips the network paints ` +
        `${sharp} black, without skips ${blunt}${found}.`;
    }

    function wordsOfPixel() {
      const [a, b] = ["with", "without"].map((name) => {
        const { field, winner } = fieldOf(name);
        const size = Math.round(fieldSize(field));
        return `“${data.classes[winner]}”, decided by about ${size} × ${size} pixels`;
      });
      return `Row ${place[0]}, column ${place[1]}. With skips: ${a}. Without: ${b}.`;
    }

    // --- what the reader sees ------------------------------------------------------
    const photograph = picture(side, {
      role: "application",
      tabindex: 0,
      "aria-label": "The street. Arrow keys move the poles, the pen or the asked pixel; " +
        "Enter paints a pixel.",
    });
    const answer = picture(side, { role: "img", "aria-label": "The network's answer" });
    answer.caption.textContent = "What the network says.";
    const bars = {
      with: bar("with skips", (share) => share.toFixed(2)),
      without: bar("without", (share) => share.toFixed(2)),
    };
    const pixels = (value) => `${Math.round(value)} px`;
    const sliders = {};
    const polesSlider = (name, words, max) => {
      const range = { min: name === "height" ? 6 : 0, max, step: 0.5, value: 0 };
      sliders[name] = slider(words, range, pixels, (value) => {
        street.poles[name] = value;
        changed();
      });
      return sliders[name].element;
    };
    const status = result();
    const names = streets.map(({ name }, n) => [n, name]);
    const which = select("street", names, 0, begin);

    function take(chosen) {
      tool = chosen;
      photograph.caption.textContent = HINTS[tool];
      photograph.canvas.dataset.tool = tool; // the style says which touches scroll
      show();
    }

    function answerWith(chosen) {
      shown = chosen;
      show();
    }

    box.append(
      make("div", { class: "lab" },
        make("div", { class: "lab-pictures" }, photograph.element, answer.element),
        make("div", { class: "lab-strips" },
          choice("Your hand", TOOLS, tool, take),
          choice("The answer", ANSWERS, shown, answerWith)),
        make("div", { class: "lab-scores" },
          make("p", { class: "lab-title" }, "Poles and wires, IoU"),
          bars.with.element, bars.without.element),
        status,
        make("fieldset", { class: "lab-sliders" },
          make("legend", {}, "Poles and wires"),
          polesSlider("first", "place", 46),
          polesSlider("height", "height", 42),
          polesSlider("sag", "sag", 10)),
        make("div", { class: "lab-last" },
          which.element,
          button("start over", () => begin(number))),
        legend(data.classes, palette)),
    );

    // --- the hand on the picture ---------------------------------------------------
    const { canvas } = photograph;
    let held; // the vehicle that the pointer came down on

    function ask(here) {
      if (tool !== "ask") return;
      place = here;
      show();
    }

    followPointer(canvas, {
      press(here) {
        held = vehicleAt(street, here);
        if (tool === "paint") {
          place = here;
          paintLine(here, here);
        }
        ask(here);
      },
      drag(here, last) {
        const [down, across] = [here[0] - last[0], here[1] - last[1]];
        if (tool === "paint") {
          place = here;
          paintLine(last, here);
        } else if (tool === "move" && held) {
          held.left += across;
          changed();
        } else if (tool === "move") {
          movePoles(across, down);
        }
        ask(here);
      },
      hover: ask,
    });

    followArrows(canvas, (down, across) => {
      if (tool === "move") return movePoles(across, down);
      place = [down, across].map((step, n) => clamp(place[n] + step, 0, side - 1));
      show();
    });

    canvas.addEventListener("keydown", (event) => {
      if (tool !== "paint" || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      paintLine(place, place);
    });

    take(tool);
    begin(0);
  });
}
