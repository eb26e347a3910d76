// A box that scrolls must be reachable with the keyboard: give it a place in the tab
// order as long as its content is wider or taller than itself.
"use strict";

const SCROLLERS = ".cell_output .output, div.highlight pre, .table-wrapper, " +
  "div.math, .pst-scrollable-table-container, .cell_output div.output.text_html > div";

function markScroller(box) {
  const scrolls =
    box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
  if (scrolls) box.setAttribute("tabindex", "0");
  else if (!box.hasAttribute("role")) box.removeAttribute("tabindex");
}

// Measured once it has a size: what is far from the screen is not laid out yet.
window.addEventListener("load", () => {
  const sizes = new ResizeObserver((changes) => {
    for (const { target } of changes) markScroller(target);
  });
  for (const box of document.querySelectorAll(SCROLLERS)) sizes.observe(box);
});

// The theme leaves the book's title in the sidebar outside every landmark.
document.addEventListener("DOMContentLoaded", () => {
  const sidebar = document.querySelector(".bd-sidebar-primary");
  if (!sidebar) return;
  sidebar.setAttribute("role", "complementary");
  sidebar.setAttribute("aria-label", "Book");
});

// What is named otherwise than by the words on it is named by them: who speaks to the
// browser says what she sees.
document.addEventListener("DOMContentLoaded", () => {
  const named = "summary[aria-label], .search-button-field[aria-label]";
  for (const part of document.querySelectorAll(named)) part.removeAttribute("aria-label");
  for (const icon of document.querySelectorAll(".theme-switch")) {
    icon.removeAttribute("title");
    icon.setAttribute("aria-hidden", "true");
  }
});

// Alt+C copies the block of code in use, or the first that begins in sight, and leaves
// the focus on its button, which the tab key alone does not meet.
document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey || event.code !== "KeyC") return;
  const inSight = (button) => {
    const { top } = button.closest(".highlight").getBoundingClientRect();
    return top >= 0 && top < window.innerHeight;
  };
  const here = document.activeElement.closest(".highlight");
  const button =
    here?.querySelector(".copybtn") ??
    [...document.querySelectorAll(".copybtn")].find(inSight);
  if (!button) return;
  event.preventDefault();
  button.click();
  button.style.visibility = "visible"; // what is hidden takes no focus
  button.focus();
  button.style.visibility = "";
});

// The button's own word, "Copied!", is drawn by the style: say it too.
document.addEventListener("click", (event) => {
  if (!event.target.closest(".copybtn")) return;
  let said = document.getElementById("said");
  if (!said) {
    said = document.createElement("div");
    said.id = "said";
    said.setAttribute("role", "status");
    document.querySelector("main").append(said);
  }
  said.textContent = "";
  requestAnimationFrame(() => (said.textContent = "Copied"));
});

// And the arrow beside a page with subpages has no name.
document.addEventListener("DOMContentLoaded", () => {
  for (const arrow of document.querySelectorAll("summary:has(.toctree-toggle)")) {
    const page = arrow.closest("li").querySelector("a").textContent.trim();
    arrow.setAttribute("aria-label", `Subpages of ${page}`);
  }
});
