// The parts that widgets are built from: elements, native controls, a panel.
"use strict";

const Parts = (() => {
  const SVG = "http://www.w3.org/2000/svg";

  // Set what is an attribute, listen where the name is "on" and an event's.
  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  const html = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

  // A path of equal squares: x, y of their middles. One element draws a whole row.
  const squares = (middles, side) =>
    middles.map(([x, y]) =>
      `M${round(x - side / 2)} ${round(y - side / 2)}h${side}v${side}h-${side}z`).join("");
  const round = (value) => Math.round(value * 100) / 100;
  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
  const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

  // Native controls, each with its label. `set` puts a value in without an event.
  function select(label, values, value, changed) {
    const field = html("select", {
      onchange: () => changed(values[field.selectedIndex][0]),
    }, ...values.map(([, words]) => html("option", {}, words)));
    const set = (next) => {
      field.selectedIndex = values.findIndex(([one]) => one === next);
    };
    set(value);
    return { element: html("label", {}, html("span", {}, label), field), set };
  }

  function slider(label, changed) {
    const shown = html("span", { class: "widget-value", "aria-hidden": "true" });
    const field = html("input", {
      type: "range",
      oninput: () => changed(Number(field.value)),
    });
    // The bounds first: a value beyond the old ones would be cut off.
    const set = (value, { min = 0, max, step = 1, words = String(value) }) => {
      Object.assign(field, { min, max, step });
      field.value = value;
      field.setAttribute("aria-valuetext", words);
      shown.textContent = words;
    };
    const element = html("label", { class: "widget-slider" },
      html("span", {}, label), field, shown);
    return { element, set };
  }

  function button(words, pressed, attributes = {}) {
    return html("button", { type: "button", onclick: pressed, ...attributes }, words);
  }

  // A mouse points, a finger or a pen drags: where, as a share of the picture's width.
  function follow(picture, moved) {
    const tell = (event) => {
      const { left, width } = picture.getBoundingClientRect();
      moved((event.clientX - left) / width);
    };
    picture.addEventListener("pointerdown", tell);
    picture.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" || event.buttons) tell(event);
    });
  }

  // Buttons that set a state worth seeing.
  function tries(states, choose) {
    return html("div", { class: "widget-tries", role: "group", "aria-label": "Try this" },
      html("span", { "aria-hidden": "true" }, "Try"),
      ...states.map(([words, state]) => button(words, () => choose(state))));
  }

  // What the colours of a picture mean.
  const key = (rows) => html("ul", { class: "widget-key" }, ...rows.map(([kind, words]) =>
    html("li", {},
      svg("svg", { class: "widget-picture", viewBox: "0 0 14 14", "aria-hidden": "true" },
        svg("rect", { class: kind, x: 1, y: 1, width: 12, height: 12, rx: 1.5 })),
      words)));

  // The line that says in words what is to be seen; a screen reader tells its changes.
  const result = () => html("p", { class: "widget-result", role: "status" });

  return {
    html, svg, squares, round, clamp, percent,
    select, slider, button, follow, tries, key, result,
  };
})();
