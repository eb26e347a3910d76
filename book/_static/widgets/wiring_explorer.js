// Links and lifetimes, to touch: arcs over the layers, and below them a bar a map.
"use strict";

simsegWidget("wiring", (box) => {
  const { html, svg, round, clamp } = Parts;
  const WIDTH = 360, FIRST = 74, LAST = 346; // units: where the input and the exit stand
  const ARCS = 70, TOP = 102, PITCH = 19, THICK = 15;

  const TRIES = [
    ["harmonic, 8 layers",
      { rule: "harmonic", layers: 8, growth: 18, multiplier: 1.7, input: 96,
        lastOnly: false, layer: 8 }],
    ["dense, as many channels out",
      { rule: "dense", layers: 8, growth: 20, input: 96, lastOnly: false, layer: 8 }],
    ["16 layers, the last one leaves",
      { rule: "harmonic", layers: 16, growth: 18, multiplier: 1, input: 18,
        lastOnly: true, layer: 16 }],
    ["the same, dense",
      { rule: "dense", layers: 16, growth: 18, input: 18, lastOnly: true, layer: 16 }],
  ];
  const state = { ...TRIES[0][1] };

  const picture = svg("svg", { class: "widget-picture", role: "img" });
  Parts.follow(picture, point);
  const key = Parts.key([
    ["work", "link; the layer that reads"],
    ["read", "map held now"],
    ["held", "at another time"],
    ["leaves", "waits for the exit"],
  ]);
  const result = Parts.result();
  const bill = html("p", { class: "widget-formula" });
  const formula = html("p", { class: "widget-formula" }, "A bar is as thick as its map " +
    "has channels. A harmonic layer n reads n − 2ⁱ for each 2ⁱ that divides n. For each " +
    "of these powers but the first its growth is multiplied by m; the product is made even.");
  const rule = Parts.select("Wiring", Object.keys(Wiring.RULES).map((name) => [name, name]),
    state.rule, (value) => show({ rule: value }));
  const lastOnly = Parts.select("What leaves",
    [[false, "as the block has it"], [true, "the last map alone"]], state.lastOnly,
    (value) => show({ lastOnly: value }));
  const slider = (label, name) => Parts.slider(label, (value) => show({ [name]: value }));
  const layer = slider("Layer at work", "layer");
  const layers = slider("Layers", "layers");
  const growth = slider("Growth", "growth");
  const multiplier = slider("Multiplier m", "multiplier");

  box.append(
    html("div", { class: "widget-row" },
      html("div", { class: "widget-main" }, picture), key),
    result, bill, Parts.tries(TRIES, show),
    html("div", { class: "widget-controls" },
      layer.element,
      html("div", { class: "widget-line" }, rule.element, lastOnly.element),
      layers.element, growth.element, multiplier.element),
    formula,
  );
  show({});

  function step() {
    return (LAST - FIRST) / (state.layers + 1);
  }

  function point(share) {
    show({ layer: Math.round((share * WIDTH - FIRST) / step()) });
  }

  function show(change) {
    Object.assign(state, change);
    state.layer = clamp(state.layer, 1, state.layers);
    const harmonic = state.rule === "harmonic";
    rule.set(state.rule);
    lastOnly.set(state.lastOnly);
    layer.set(state.layer, { min: 1, max: state.layers });
    layers.set(state.layers, { min: 1, max: 16 });
    growth.set(state.growth, { min: 2, max: 40, step: 2, words: `${state.growth} channels` });
    multiplier.set(state.multiplier, { min: 1, max: 2.3, step: 0.1 });
    multiplier.element.hidden = !harmonic;
    const made = Wiring.block(state);
    draw(made);
    tell(made);
  }

  function draw({ reads, widths, until, leave, held }) {
    const { layers, layer } = state;
    const x = (place) => round(FIRST + step() * place);
    const y = (map) => TOP + PITCH * map;
    const thick = (map) => round(Math.max(1.5, THICK * widths[map] / Math.max(...widths)));
    const heldNow = held[layer - 1];
    const foot = y(layers) + THICK + 4;
    const bar = (map, from, to, kind) => svg("rect", {
      class: kind, x: x(from), y: round(y(map) + (THICK - thick(map)) / 2),
      width: round(Math.max(x(to) - x(from), 1)), height: thick(map), rx: 1.5,
    });
    const longest = Math.max(...reads.flatMap((maps, n) => maps.map((map) => n - map)));
    const arc = (map, n) => {
      const tall = round(ARCS * ((n - map) / longest) ** 0.75); // flatter, the longer
      return `M${x(map)} ${TOP - 28}A${round((x(n) - x(map)) / 2)} ${tall} 0 0 1 ` +
        `${x(n)} ${TOP - 28}`;
    };
    const arcs = (numbers) => numbers.flatMap((n) => reads[n].map((map) => arc(map, n)));
    const others = [...reads.keys()].filter((n) => n !== layer);

    const parts = [
      svg("path", { class: "now", d: `M${x(layer)} ${TOP - 10}V${foot}` }),
      svg("path", { class: "taps", d: arcs(others).join("") }),
      svg("path", { class: "link", d: arcs([layer]).join("") }),
    ];
    const crowded = layers > 10;
    for (let n = 1; n <= layers; n++) {
      const room = !crowded || (n % 2 === 0 && Math.abs(n - layer) > 1);
      if (n !== layer && !room) continue;
      parts.push(svg("text", {
        class: n === layer ? "middle strong" : "middle", x: x(n), y: TOP - 14,
      }, String(n)));
    }
    parts.push(
      svg("text", { class: "middle", x: FIRST, y: TOP - 14 }, "in"),
      svg("text", { x: LAST - 5, y: TOP - 14 }, "out"));
    widths.forEach((channels, map) => {
      const kind = heldNow.includes(map) ? "read" : "held";
      const lastRead = Math.max(map, ...reads.map((maps, n) => maps.includes(map) ? n : 0));
      parts.push(svg("text", { class: "label", x: 0, y: y(map) + THICK / 2 + 4 },
        `${map ? `map ${map}` : "input"}: ${channels}`));
      if (lastRead > map) parts.push(bar(map, map, lastRead, kind));
      if (leave.includes(map)) parts.push(bar(map, lastRead, layers + 1, `leaves ${kind}`));
      if (lastRead === map && !leave.includes(map)) parts.push(bar(map, map, map, kind));
    });
    for (const map of reads[layer]) {
      parts.push(svg("circle", { class: "work", cx: x(layer), cy: y(map) + THICK / 2, r: 4.5 }));
    }
    picture.setAttribute("viewBox", `0 0 ${WIDTH} ${foot + 2}`);
    picture.replaceChildren(...parts);
  }

  function tell({ reads, held, room, links, cio, macs, out }) {
    const { rule, layers, layer } = state;
    const names = reads[layer].map((map) => map || "the input");
    const list = names.length > 1
      ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : `${names[0]}`;
    const most = Math.max(...room), now = room[layer - 1];
    const words = `Layer ${layer} reads ${list}. While it works, ` +
      `${held[layer - 1].length} maps of ${now} channels are held` +
      (now === most ? ", the most of this block." : `; the most is ${most}, at layer ` +
        `${room.indexOf(most) + 1}.`);
    result.textContent = words;
    const dense = (layers * (layers + 1)) / 2;
    const count = (value) => value.toLocaleString("en");
    bill.textContent = `${count(links)} ${links === 1 ? "link" : "links"}` +
      (rule === "dense" ? "" : ` of ${dense} in dense wiring`) +
      `; ${count(out)} channels out. For each pixel ${count(macs)} products, and ` +
      `${count(cio)} values read and written by convolutions (CIO).`;
    picture.setAttribute("aria-label", `${words} ${bill.textContent}`);
  }
});
