// Plots in the dark theme. A client is told nothing of a theme, so one picture is made, and this page turns a plot over:
// its paper and ink change places and its colours stay (chat.css). A photo or a heat map would become a negative of
// itself; so only pictures that are mostly white paper, up to their corners, are turned.
const SIDE = 48;
const WHITE = 244;
const MOSTLY = 0.55;

export function watchPlots(place) {
  const look = (within) => within.querySelectorAll?.(".ac-adaptiveCard img").forEach(judge);
  new MutationObserver((changes) => changes.forEach(({ addedNodes }) => addedNodes.forEach((node) => look(node.parentNode ?? node))))
    .observe(place, { childList: true, subtree: true });
  look(place);
}

function judge(img) {
  if (img.dataset.paper) return;
  img.dataset.paper = "unknown";
  const decide = () => (img.dataset.paper = isOnPaper(img) ? "white" : "other");
  if (img.complete && img.naturalWidth) decide();
  else img.addEventListener("load", decide, { once: true });
}

function isOnPaper(img) {
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(img, 0, 0, SIDE, SIDE);
  let pixels;
  try {
    pixels = context.getImageData(0, 0, SIDE, SIDE).data;
  } catch {
    return false; // a picture of another origin may be shown and not read
  }
  const isWhite = (at) => [0, 1, 2].every((part) => pixels[4 * at + part] >= WHITE) && pixels[4 * at + 3] === 255;
  const corners = [0, SIDE - 1, SIDE * (SIDE - 1), SIDE * SIDE - 1];
  const white = Array.from({ length: SIDE * SIDE }, (_, at) => isWhite(at)).filter(Boolean).length;
  return corners.every(isWhite) && white >= MOSTLY * SIDE * SIDE;
}
