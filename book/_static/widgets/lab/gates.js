// The gates lab: chapter 02's exchange. One road under either lamp gives CBAM two sets of
// gates, and the reader lets the network finish with the other lamp's.
"use strict";

{
  const { html: make, button, result } = Parts;
  const {
    choice, picture, bar, percent, setOff, drawClasses, drawPhotograph, legend, eachFrame, atRest,
    readNetwork, normalize, forward, classes, LAMPS, readRoad, rightUnder,
  } = simsegLab;

  const WHOSE = { own: "its own", other: "the other lamp's" };
  const other = (lamp) => (lamp === "stop" ? "go" : "stop");

  simsegWidget("gates", (box) => {
    const data = simsegLab.cbam;
    const { side, palette } = data;
    const network = readNetwork(data.network);
    // The two maps that a sigmoid makes: the channels' gates, the places' gates.
    const gates = network.operations.flatMap(({ op }, n) => (op === "sigmoid" ? [n + 1] : []));
    const roads = data.scenes.map((scene) => readRoad(scene, side));

    // --- what the reader changes ---------------------------------------------------
    let number;
    let lamp = "stop";
    const whose = ["own", "own"]; // the gates of channels, the gates of places

    // --- what follows from it ------------------------------------------------------
    let maps; // the network's, under either lamp, with its own gates

    function begin(chosen) {
      number = chosen;
      maps = Object.fromEntries(Object.entries(roads[number].photographs).map(
        ([state, photograph]) => [state, forward(network, normalize(photograph))]));
      show();
    }

    // The answer under a lamp, with whose gates the reader chose.
    function answerUnder(state) {
      const given = maps[state].slice(0, gates[0]);
      gates.forEach((gate, n) => {
        given[gate] = maps[whose[n] === "own" ? state : other(state)][gate];
      });
      return forward(network, maps[state][0], given).at(-1);
    }

    const show = eachFrame(() => {
      const { photographs, vehicles } = roads[number];
      drawPhotograph(photograph.canvas, photographs[lamp]);
      for (const state of Object.keys(LAMPS)) {
        const logits = answerUnder(state);
        if (state === lamp) drawClasses(answer.canvas, classes(logits), palette);
        bars[state].set(rightUnder(state, vehicles, logits));
        const open = maps[state][gates[0]].data;
        strips[state].draw(open);
      }
      setOff(bars, lamp);
      setOff(strips, whose[0] === "own" ? lamp : other(lamp));
      tell();
    });

    // How many gates differ by more than a half from lamp to lamp.
    function differing(gate) {
      const [stop, go] = Object.keys(LAMPS).map((state) => maps[state][gate].data);
      return stop.filter((one, n) => Math.abs(one - go[n]) > 0.5).length;
    }

    const tell = atRest(() => {
      const right = rightUnder(lamp, roads[number].vehicles, answerUnder(lamp));
      const taken = ["channel", "spatial"].filter((_, n) => whose[n] === "other");
      const from = taken.length
        ? `the ${taken.join(" and ")} gates are from under ${other(lamp)}` : "the gates are its own";
      const [channels, places] = gates.map((gate) =>
        `${differing(gate)} of ${maps.stop[gate].data.length}`);
      status.textContent =
        `The lamp is at ${lamp}, ${from}: ${percent(right)} of the vehicles' pixels are ` +
        `right. From lamp to lamp ${channels} channel gates differ by more than a half, ` +
        `and ${places} spatial gates.`;
    });

    // --- what the reader sees ------------------------------------------------------
    const photograph = picture(side, { role: "img", "aria-label": "The road and its lamp" });
    photograph.caption.textContent = "The lamp is at the left.";
    const answer = picture(side, { role: "img", "aria-label": "The network's answer" });
    answer.caption.textContent = "What the network says.";
    const words = { stop: "lamp at stop", go: "lamp at go" };
    const bars = { stop: bar(words.stop, percent), go: bar(words.go, percent) };
    const strips = { stop: strip(words.stop), go: strip(words.go) };
    const status = result();

    // All channels' gates under one lamp: a square each, the brighter the wider open.
    function strip(name) {
      const canvas = make("canvas", { class: "lab-gates", height: 1, role: "img",
        "aria-label": `Channel gates, ${name}` });
      const opened = make("span", { class: "lab-number" });
      function draw(open) {
        canvas.width = open.length;
        const context = canvas.getContext("2d");
        open.forEach((one, n) => {
          const light = Math.round(255 * one);
          context.fillStyle = `rgb(${light}, ${light}, ${light})`;
          context.fillRect(n, 0, 1, 1);
        });
        opened.textContent = open.filter((one) => one > 0.5).length;
      }
      const element = make("p", { class: "lab-bar" }, make("span", {}, name), canvas, opened);
      return { element, draw };
    }

    const exchange = (legend, n) => choice(legend, WHOSE, "own", (chosen) => {
      whose[n] = chosen;
      show();
    });

    box.append(
      make("div", { class: "lab" },
        make("div", { class: "lab-pictures" }, photograph.element, answer.element),
        make("div", { class: "lab-strips" },
          choice("The lamp", LAMPS, lamp, (state) => { lamp = state; show(); }),
          exchange("Channel gates", 0),
          exchange("Spatial gates", 1)),
        make("div", { class: "lab-scores" },
          make("p", { class: "lab-title" }, "Pixels of vehicles, stop or go right"),
          bars.stop.element, bars.go.element),
        make("div", { class: "lab-scores" },
          make("p", { class: "lab-title" }, "Channel gates: white is open, and how many are"),
          strips.stop.element, strips.go.element),
        status,
        make("div", { class: "lab-last" },
          button("another road", () => begin((number + 1) % roads.length))),
        legend(data.classes, palette)),
    );

    begin(0);
  });
}
