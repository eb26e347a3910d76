// The decoder lab: chapter 05's DeepLabV3+, whose decoder joins two maps. ASPP's says what
// is there, the low-level features say where. The reader moves a car, and lets the decoder
// read either map at its mean, the same number at every place: then it tells no more.
"use strict";

{
  const { html: make, button, select, result, clamp } = Parts;
  const {
    newMap, choice, picture, bar, setOff, followPointer, followArrows, drawClasses,
    drawPhotograph, count, legend, eachFrame, atRest, readNetwork, readStreet, paintStreet, vehicleAt,
    normalize, forward, classes, sheetOf,
  } = simsegLab;

  const READS = { both: "both maps", what: "ASPP's", where: "low-level" };
  const ANSWERS = { ...READS, truth: "truth" };
  const SAYS = {
    both: "What, and where.",
    what: "What, not where.",
    where: "Where, hardly what.",
    truth: "What is there.",
  };
  const EVENED = { what: 1, where: 0 }; // of the two maps joined, the one that is not read
  const NEAR = 2; // pixels from its contour that a class's border reaches: 2 % of a diagonal

  // The same map with its mean at every place, sheet by sheet.
  function evenedOut(map) {
    const even = newMap(map.channels, map.height, map.width);
    for (let c = 0; c < map.channels; c++) {
      const sheet = sheetOf(map, c);
      sheetOf(even, c).fill(sheet.reduce((sum, one) => sum + one, 0) / sheet.length);
    }
    return even;
  }

  // Which pixels lie near a contour: where the square around them leaves the picture or
  // holds another class.
  function nearContour(labels, side) {
    return labels.map((one, n) => {
      const [row, column] = [Math.floor(n / side), n % side];
      for (let y = row - NEAR; y <= row + NEAR; y++) {
        for (let x = column - NEAR; x <= column + NEAR; x++) {
          if (x < 0 || x >= side || y < 0 || y >= side) return 1;
          if (labels[y * side + x] !== one) return 1;
        }
      }
      return 0;
    });
  }

  // The IoU of each class's border, and of these the mean, over classes that occur.
  function boundaryIou(answer, truth, side, names) {
    const [nearAnswer, nearTruth] = [answer, truth].map((one) => nearContour(one, side));
    const [both, either] = [names.map(() => 0), names.map(() => 0)];
    for (let n = 0; n < truth.length; n++) {
      const shared = nearAnswer[n] && nearTruth[n] && answer[n] === truth[n];
      if (shared) both[truth[n]]++;
      if (nearAnswer[n]) either[answer[n]]++;
      if (nearTruth[n] && !shared) either[truth[n]]++;
    }
    const shares = both.map((one, c) => one / either[c]).filter((one) => !Number.isNaN(one));
    return shares.reduce((sum, one) => sum + one, 0) / shares.length;
  }

  simsegWidget("decoder", (box) => {
    const data = simsegLab.deeplab;
    const { side, palette } = data;
    const vehicleClass = data.classes.indexOf("vehicle");
    const poleClass = data.classes.indexOf("pole or wire");
    const streets = data.scenes.map(readStreet);
    const network = readNetwork(data.network);
    const joins = network.operations.findLastIndex(({ op }) => op === "concat");
    const sources = network.operations[joins].from; // ASPP's map, the low-level features

    // --- what the reader changes ---------------------------------------------------
    let number, street, held; // the vehicle that the hand moves
    let shown = "both";

    function begin(chosen) {
      number = chosen;
      street = structuredClone(streets[number]);
      held = street.vehicles.at(-1);
      changed();
    }

    function move(down, across) {
      held.left = clamp(held.left + across, -held.width / 2, side - held.width / 2);
      held.left = Math.floor(held.left);
      held.bottom = clamp(held.bottom + down, held.height, side);
      changed();
    }

    // --- what follows from it ------------------------------------------------------
    let scene = null;
    let maps = null; // the network's, where the decoder reads both
    let answers = {};

    function answerOf(name) {
      if (!answers[name]) {
        maps ??= forward(network, normalize(scene.photograph));
        const given = maps.slice(0, joins + 1); // all that the decoder's join comes after
        const off = sources[EVENED[name]];
        if (off) given[off] = evenedOut(maps[off]);
        answers[name] = classes(forward(network, maps[0], given).at(-1));
        bars[name].set(boundaryIou(answers[name], scene.label, side, data.classes));
      }
      return answers[name];
    }

    const show = eachFrame(() => {
      scene ??= paintStreet(street, { side, vehicleClass, poleClass });
      drawPhotograph(photograph.canvas, scene.photograph);
      const labels = shown === "truth" ? scene.label : answerOf(shown);
      drawClasses(answer.canvas, labels, palette);
      answer.caption.textContent = SAYS[shown];
      setOff(bars, shown);
      tell();
    });

    function changed() {
      [scene, maps, answers] = [null, null, {}];
      show();
    }

    // The other answers, and words, once the reader has let go.
    const tell = atRest(() => {
      if (!scene) return; // changed again: the next frame will come back here
      const [both, what, where] = Object.keys(READS).map((name) =>
        count(answerOf(name), vehicleClass));
      status.textContent =
        `Vehicles cover ${count(scene.label, vehicleClass)} pixels. From both maps the ` +
        `decoder paints ${both} blue, from ASPP's map alone ${what}, from the low-level ` +
        `features alone ${where}.`;
    });

    // --- what the reader sees ------------------------------------------------------
    const photograph = picture(side, {
      role: "application",
      tabindex: 0,
      "aria-label": "The street. Arrow keys move a car, Enter takes the next one.",
    });
    photograph.canvas.dataset.tool = "move";
    photograph.caption.textContent = "Drag a car.";
    const answer = picture(side, { role: "img", "aria-label": "The network's answer" });
    const bars = Object.fromEntries(Object.entries(READS).map(([name, words]) =>
      [name, bar(words, (share) => share.toFixed(2))]));
    const status = result();
    const names = streets.map(({ name }, n) => [n, name]);
    const which = select("street", names, 0, begin);

    box.append(
      make("div", { class: "lab" },
        make("div", { class: "lab-pictures" }, photograph.element, answer.element),
        make("div", { class: "lab-strips" },
          choice("The answer", ANSWERS, shown, (name) => { shown = name; show(); })),
        make("div", { class: "lab-scores" },
          make("p", { class: "lab-title" }, "Boundary IoU, mean over the classes"),
          ...Object.values(bars).map(({ element }) => element)),
        status,
        make("div", { class: "lab-last" },
          which.element,
          button("start over", () => begin(number))),
        legend(data.classes, palette)),
    );

    // --- the hand on the picture ---------------------------------------------------
    const { canvas } = photograph;
    let dragged = false;

    followPointer(canvas, {
      press(here) {
        const touched = vehicleAt(street, here);
        dragged = touched !== undefined;
        if (dragged) held = touched;
      },
      drag(here, last) {
        if (dragged) move(here[0] - last[0], here[1] - last[1]);
      },
    });
    followArrows(canvas, move);
    canvas.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      const next = street.vehicles.indexOf(held) + 1;
      held = street.vehicles[next % street.vehicles.length];
    });

    begin(0);
  });
}
