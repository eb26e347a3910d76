// A phone held upright gets upright slides, whose parts stand below each other. The
// speaker's window and the print shop, which ask by the address, never do.
const upright = innerWidth < innerHeight && !location.search;
document.documentElement.classList.toggle("upright", upright);

Reveal.initialize({
  width: upright ? 720 : 1280,
  height: upright ? Math.round((720 * innerHeight) / innerWidth) : 720,
  margin: 0,
  center: false,
  display: "flex",
  hash: true,
  navigationMode: "linear", // one key goes through all slides
  controls: upright,
  slideNumber: "c/t",
  transition: "none",
  scrollActivationWidth: null,
  pdfSeparateFragments: false, // a printed slide shows all that it has
  plugins: [RevealNotes],
});
