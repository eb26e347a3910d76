// Starts the widgets of a page, each when its box comes near the screen.
//
// A box is <div class="widget" data-widget="NAME" data-scripts="a.js b.js">. Its scripts
// lie beside this file. One of them calls simsegWidget("NAME", start), and then
// start(box) is called for each box of that name, emptied of what stood there before.
// Where that fails, on a poor line or by a fault, what stood there stays, and words say so.
"use strict";

(() => {
  const NEAR = "800px 0px"; // a screen above and below: loaded before it is seen
  const here = document.currentScript.src;
  const starts = new Map(); // NAME -> the function that starts it
  const loads = new Map(); // address -> the promise of its script, loaded once a page

  window.simsegWidget = (name, start) => starts.set(name, start);

  function load(address) {
    if (!loads.has(address)) {
      loads.set(address, new Promise((done, failed) => {
        const script = document.createElement("script");
        script.src = address;
        script.onload = done;
        script.onerror = () => failed(new Error(`${address} does not load`));
        document.head.append(script);
      }));
    }
    return loads.get(address);
  }

  async function begin(box) {
    const still = [...box.childNodes];
    try {
      // In their order: a script may use what the one before it has defined.
      for (const name of box.dataset.scripts.split(" ")) {
        await load(new URL(name, here).href);
      }
      const start = starts.get(box.dataset.widget);
      box.replaceChildren();
      box.classList.add("widget-live");
      start(box);
    } catch (error) {
      console.error(error);
      box.classList.remove("widget-live");
      box.replaceChildren(...still, apology());
    }
  }

  function apology() {
    const words = document.createElement("p");
    words.className = "widget-formula";
    words.setAttribute("role", "status");
    words.textContent = "The controls did not load. Load the page again to try it.";
    return words;
  }

  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      begin(entry.target);
    }
  }, { rootMargin: NEAR });

  for (const box of document.querySelectorAll(".widget")) watcher.observe(box);
})();
