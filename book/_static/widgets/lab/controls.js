// The lab, part 5 of 5: what its pages draw with and are held by. Pictures are canvases of
// as many pixels as the network sees, enlarged by the style sheet; all that is pressed or
// moved is one of the browser's own controls, so that keyboards and screen readers know it.
"use strict";

{
  const { html: make, clamp } = Parts;

  let named = 0; // two labs on one page need two names

  // One of several: a group of radio buttons that look like one strip.
  function choice(legend, options, chosen, change) {
    const name = `lab-${named++}`;
    const group = make("fieldset", { class: "lab-choice" }, make("legend", {}, legend));
    for (const [value, words] of Object.entries(options)) {
      const button = make("input", { type: "radio", name, value, checked: value === chosen });
      button.addEventListener("change", () => change(value));
      group.append(make("label", {}, button, make("span", {}, words)));
    }
    return group;
  }

  // A slider whose value `say` puts into words.
  function slider(label, range, say, change) {
    const set = (value) => parts.set(value, { ...range, words: say(value) });
    const parts = Parts.slider(label, (value) => {
      set(value);
      change(value);
    });
    set(range.value);
    return { element: parts.element, set };
  }

  // A picture of side x side pixels, the words under it, and a mark to set on a pixel.
  function picture(side, attributes) {
    const canvas = make("canvas", { width: side, height: side, ...attributes });
    const mark = make("span", { class: "lab-mark", hidden: true });
    const caption = make("p", { class: "lab-caption" });
    const frame = make("div", { class: "lab-frame" }, canvas, mark);
    const element = make("div", { class: "lab-picture" }, frame, caption);

    // Set the mark round so many rows and columns of pixels, or take it away.
    function setMark(place, [rows, columns] = [1, 1]) {
      mark.hidden = place === null;
      if (place === null) return;
      mark.classList.toggle("lab-wide", rows > 1);
      const sides = { top: place[0], left: place[1], height: rows, width: columns };
      for (const [name, pixels] of Object.entries(sides)) {
        mark.style[name] = `${(pixels / side) * 100}%`;
      }
    }
    return { element, canvas, caption, setMark };
  }

  // A bar that shows a share from 0 to 1, with its name and its number.
  function bar(words, digits) {
    const fill = make("i");
    const number = make("span", { class: "lab-number" });
    const element = make(
      "p", { class: "lab-bar" }, make("span", {}, words), make("b", {}, fill), number,
    );
    function set(share) {
      fill.style.width = `${share * 100}%`;
      number.textContent = digits(share);
    }
    return { element, set };
  }

  const percent = (share) => `${Math.round(100 * share)} %`;

  // Of several bars, set off the one whose answer is shown.
  function setOff(bars, shown) {
    for (const [name, { element }] of Object.entries(bars)) {
      element.classList.toggle("lab-shown", name === shown);
    }
  }

  // Where on the canvas, in its own pixels: [row, column].
  function placeOf(event, canvas) {
    const box = canvas.getBoundingClientRect();
    const along = (place, start, length, count) =>
      clamp(Math.floor(((place - start) / length) * count), 0, count - 1);
    return [
      along(event.clientY, box.top, box.height, canvas.height),
      along(event.clientX, box.left, box.width, canvas.width),
    ];
  }

  // Follow a pointer over a canvas. `press` and `hover` are told the place, `drag` is told
  // where a held pointer is and where it was before.
  function followPointer(canvas, { press = () => {}, drag = () => {}, hover = () => {} }) {
    let last = null; // where it was, while it is held
    canvas.addEventListener("pointerdown", (event) => {
      // Neither the button that opens a menu, nor a second finger.
      if (event.button !== 0 || !event.isPrimary) return;
      last = placeOf(event, canvas);
      canvas.setPointerCapture(event.pointerId);
      press(last);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!event.isPrimary) return;
      const here = placeOf(event, canvas);
      if (last) {
        drag(here, last);
        last = here;
      } else if (event.pointerType === "mouse") {
        hover(here);
      }
    });
    canvas.addEventListener("lostpointercapture", () => { last = null; });
  }

  // What the arrow keys move: rows, columns.
  const ARROWS = {
    ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0],
  };

  function followArrows(canvas, move) {
    canvas.addEventListener("keydown", (event) => {
      if (!ARROWS[event.key]) return;
      event.preventDefault(); // the page shall not scroll
      move(...ARROWS[event.key]);
    });
  }

  // Fill a canvas: `color(pixel)` returns red, green and blue.
  function draw(canvas, color) {
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(canvas.width, canvas.height);
    for (let n = 0; n < canvas.width * canvas.height; n++) {
      const [red, green, blue] = color(n);
      pixels.data.set([red, green, blue, 255], 4 * n);
    }
    context.putImageData(pixels, 0, 0);
  }

  function drawClasses(canvas, labels, palette) {
    draw(canvas, (n) => palette[labels[n]]);
  }

  // A photograph; or a darker one, lit up where `weights` from 0 to 1 are high.
  function drawPhotograph(canvas, photograph, weights = null, { dim = 0.35, glow = 1 } = {}) {
    const { data } = photograph;
    const sheet = photograph.height * photograph.width;
    draw(canvas, (n) => {
      const color = [data[n], data[sheet + n], data[2 * sheet + n]];
      if (!weights) return color;
      const light = glow * Math.sqrt(weights[n]); // the root: faint parts show too
      return color.map((one, c) => dim * one * (1 - light) + GLOW[c] * light);
    });
  }

  const GLOW = [255, 236, 120];

  // How many squares two pictures of classes share, of all where either has the class.
  function iou(answer, truth, classIndex) {
    let both = 0;
    let either = 0;
    for (let n = 0; n < truth.length; n++) {
      const [a, b] = [answer[n] === classIndex, truth[n] === classIndex];
      if (a && b) both++;
      if (a || b) either++;
    }
    return either ? both / either : 1;
  }

  function count(labels, classIndex) {
    return labels.reduce((sum, one) => sum + (one === classIndex), 0);
  }

  function legend(classes, palette) {
    const items = classes.map((name, n) => {
      const square = make("i");
      square.style.background = `rgb(${palette[n].join()})`;
      return make("li", {}, square, name);
    });
    return make("ul", { class: "lab-legend" }, ...items);
  }

  // Once a frame, however often it is asked for.
  function eachFrame(work) {
    let waiting = false;
    return () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; work(); });
    };
  }

  // Once the reader has let go for a fifth of a second.
  function atRest(work) {
    let timer = 0;
    return () => { clearTimeout(timer); timer = setTimeout(work, 200); };
  }

  Object.assign(simsegLab, {
    choice, slider, picture, bar, percent, setOff, followPointer, followArrows,
    drawClasses, drawPhotograph, iou, count, legend, eachFrame, atRest,
  });
}
