// A box that scrolls must be reachable with the keyboard: give it a place in the tab
// order as long as its content is wider or taller than itself.
"use strict";

const SCROLLERS = ".cell_output .output, div.highlight pre, .table-wrapper, " +
  "div.math, .pst-scrollable-table-container, .cell_output div.output.text_html > div";

function markScrollers() {
  for (const box of document.querySelectorAll(SCROLLERS)) {
    const scrolls =
      box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls) box.setAttribute("tabindex", "0");
    else if (!box.hasAttribute("role")) box.removeAttribute("tabindex");
  }
}

window.addEventListener("load", markScrollers);
window.addEventListener("resize", markScrollers);

// The theme leaves the book's title in the sidebar outside every landmark.
document.addEventListener("DOMContentLoaded", () => {
  const sidebar = document.querySelector(".bd-sidebar-primary");
  if (!sidebar) return;
  sidebar.setAttribute("role", "complementary");
  sidebar.setAttribute("aria-label", "Book");
});

// The theme's two buttons, whose attributes the page's policy would refuse.
document.addEventListener("DOMContentLoaded", () => {
  const on = (button, act) =>
    document.querySelector(button)?.addEventListener("click", act);
  on(".btn-download-pdf-button", () => window.print());
  on(".btn-fullscreen-button", () => window.toggleFullScreen());
});
