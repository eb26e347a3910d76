// The search page: a term is answered with its definition, the chapter that teaches it
// comes first, and excerpts quote prose. Sphinx still searches: this file sets its
// `Scorer.score` and adds to the list that it writes. GLOSSARY is search_terms.js,
// written by book/_ext/search_answers.py.
"use strict";

const query = (new URLSearchParams(location.search).get("q") ?? "").trim();

// "U-Net", "unet" and "U-Nets" are one name.
const plain = (words) =>
  words.toLowerCase().replace(/[^\p{Letter}\p{Number}]+/gu, "").replace(/s$/, "");

// The entry with this name, else the one with the shortest name that has it as a word.
function findEntry(asked) {
  const named = GLOSSARY.find((entry) =>
    entry.names.some((name) => plain(name) === plain(asked)));
  if (named || plain(asked).length < 3) return named;
  const inside = (name) => ` ${name.toLowerCase().replace(/\W+/g, " ")} `
    .includes(` ${asked.toLowerCase().replace(/\W+/g, " ")} `);
  const length = (entry) => Math.min(...entry.names.filter(inside).map((n) => n.length));
  return GLOSSARY.filter((entry) => entry.names.some(inside))
    .sort((a, b) => length(a) - length(b))[0];
}

const answer = findEntry(query);

// Sphinx gives 15 for a word in any heading of a page, 5 for one in its text, and to a
// name of the package 11 and a priority, which for a module would hide the chapter of
// that name. A title is more than a heading, and a chapter than another page.
Scorer.objPrio[0] = Scorer.objPrio[1];
Scorer.score = ([page, title, anchor, isName, score]) => {
  if (page === answer?.chapter) return score + (anchor ? 100 : 200);
  const named = !isName && !anchor && plain(title).includes(plain(query));
  return score + (named ? 10 : 0) + (page.startsWith("chapters/") ? 4 : 0);
};

// Sphinx looks words up in plain objects, and each of those knows a "constructor", which
// is no page: only what the index holds is found.
for (const found of [Search._index.terms, Search._index.titleterms]) {
  const { hasOwnProperty } = Object.prototype; // all that Sphinx asks of them besides
  Object.setPrototypeOf(found, { __proto__: null, hasOwnProperty });
}

function make(tag, text, attributes = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, attributes);
}

function definition(entry) {
  const words = make("p", `${entry.words} `, { className: "context" });
  if (entry.chapter) {
    const href = `${entry.chapter}${DOCUMENTATION_OPTIONS.LINK_SUFFIX}`;
    words.append("Taught in ", make("a", entry.title, { href }), ".");
  }
  return words;
}

// What to look for in a text: all that was typed, then its words, or their stems.
const words = splitQuery(query.toLowerCase()).filter((word) => word.length > 1);
const typed = words.length > 1 ? [query.toLowerCase(), ...words] : words;
const escaped = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const patterns = typed.map((word) => new RegExp(
  `(?<![\\p{Letter}\\p{Number}])(?:${escaped(word)}|` +
  `${escaped(new Stemmer().stemWord(word))})\\p{Letter}*`, "giu"));

// The first paragraph with most of the words; without any, how the page or the name of
// the package is described.
function bestProse(page, anchor) {
  const place = anchor ? page.getElementById(anchor) : null;
  const isName = place?.matches("dt");
  const part = (isName ? place.nextElementSibling : place)
    ?? page.querySelector(".bd-article");
  let best = isName ? part.querySelector("p")?.textContent ?? ""
    : page.querySelector("meta[name=description]")?.content ?? "";
  let most = 0;
  for (const block of part?.querySelectorAll("p, li, dd, figcaption") ?? []) {
    if (block.closest(".onlyprint") || block.querySelector("p, pre, .math")) continue;
    const text = block.textContent.replace(/\s+/g, " ").trim();
    const found = patterns.filter((pattern) => text.search(pattern) >= 0).length;
    const worth = found && found + (text.length > 60 ? 0.5 : 0); // no cell of a table
    if (worth > most) [best, most] = [text, worth];
  }
  return best;
}

// About 240 letters around what was asked for, marked wherever it stands.
function excerpt(text) {
  const first = patterns.map((pattern) => text.search(pattern)).find((i) => i >= 0) ?? 0;
  const start = first > 160 ? text.lastIndexOf(" ", first - 100) + 1 : 0;
  const end = text.length > start + 260 ? text.lastIndexOf(" ", start + 240) : text.length;
  const shown = text.slice(start, end);
  const quote = make("p", start ? "… " : "", { className: "context" });
  let done = 0;
  const found = patterns.flatMap((pattern) => [...shown.matchAll(pattern)]);
  for (const match of found.sort((a, b) => a.index - b.index)) {
    if (match.index < done) continue;
    quote.append(shown.slice(done, match.index), make("mark", match[0]));
    done = match.index + match[0].length;
  }
  quote.append(shown.slice(done) + (end < text.length ? " …" : ""));
  return quote;
}

const pages = new Map();
function read(address) {
  if (!pages.has(address)) {
    pages.set(address, fetch(address).then((response) => response.text())
      .then((text) => new DOMParser().parseFromString(text, "text/html")));
  }
  return pages.get(address);
}

// Pages are large: one is read when its result comes near. A disk's cannot be read.
const near = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    const link = target.querySelector("a");
    read(link.pathname).then((page) =>
      target.append(excerpt(bestProse(page, link.hash.slice(1)))));
  }
}, { rootMargin: "300px" });

const shown = new Set();
const glossary = new URL(GLOSSARY[0].place, location).pathname;

// Each of an entry's names has a place of its own in the glossary; they are one result.
// With an answer, the glossary as a whole has nothing more to say.
function complete(item) {
  const link = item.querySelector("a");
  const name = link.pathname === glossary && plain(link.hash.replace("#term-", ""));
  const entry = name && GLOSSARY.find(({ names }) => names.some((n) => plain(n) === name));
  const place = entry ? entry.place : link.href;
  if (shown.has(place) || (answer && name === "")) return item.remove();
  shown.add(place);
  if (entry) item.replaceChildren(make("a", entry.names[0], { href: entry.place }),
    definition(entry));
  else if (location.protocol !== "file:") near.observe(item);
}

document.addEventListener("DOMContentLoaded", () => {
  const list = document.querySelector("#search-results ul.search");
  if (!list) return;
  if (answer) {
    const item = make("li", "", { className: "answer" });
    item.append(make("a", "", { href: answer.place }));
    list.prepend(item);
  }
  [...list.children].forEach(complete);
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes)
      for (const item of addedNodes) if (item.isConnected) complete(item);
  }).observe(list, { childList: true });
});
