// The theme (the system's, light or dark), and Web Chat in the colours of the page, which chat.css names.
import { SEND_TIMEOUT_MS } from "/chat/files/outbox.js";

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const NAMES = ["ground", "ink", "soft", "line", "mine", "accent", "raised", "storm"];
const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");

export function look() {
  const colours = coloursOfPage();
  return { styleOptions: { ...styleOf(colours), typingAnimationBackgroundImage: dots(colours.soft, still.matches) }, adaptiveCardsHostConfig: cardsIn(colours) };
}

// Web Chat wants colours as values: the browser resolves what chat.css names.
function coloursOfPage() {
  const probe = document.body.appendChild(document.createElement("i"));
  const resolved = NAMES.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(resolved);
}

// Calls `render` whenever the page's look changes: by its switch, in another tab, or by the system.
export function watchLook(render) {
  const choices = document.querySelectorAll("#themes input");
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    for (const choice of choices) choice.checked = choice.value === theme;
  };
  for (const choice of choices)
    choice.addEventListener("change", () => {
      localStorage.setItem("theme", choice.value);
      show(choice.value);
      render();
    });
  addEventListener("storage", ({ key, newValue }) => {
    if (key !== "theme") return;
    show(newValue ?? "system");
    render();
  });
  for (const wish of [dark, still]) wish.addEventListener("change", render);
  show(localStorage.getItem("theme") ?? "system"); // read again: another tab may have changed it while this one loaded
}

function styleOf({ ground, ink, soft, line, mine, accent, raised, storm }) {
  return {
    accent, subtle: soft, backgroundColor: ground, primaryFont: FONT, fontSizeSmall: "80%",
    bubbleBackground: ground, bubbleTextColor: ink, bubbleBorderWidth: 0, bubbleBorderRadius: 14,
    bubbleFromUserBackground: mine, bubbleFromUserTextColor: ink, bubbleFromUserBorderWidth: 0, bubbleFromUserBorderRadius: 14,
    bubbleMaxWidth: 720, bubbleAttachmentMaxWidth: 640, bubbleMinHeight: 36, bubbleImageMaxHeight: 480,
    // An answer that is higher than the view is read from its top: scrolling stops there instead of at its end.
    autoScrollSnapOnPage: true, autoScrollSnapOnPageOffset: -12,
    sendBoxBackground: ground, sendBoxTextColor: ink, sendBoxPlaceholderColor: soft, sendBoxButtonColor: accent,
    sendBoxButtonColorOnDisabled: soft, sendBoxButtonColorOnHover: accent, sendBoxButtonColorOnFocus: accent,
    sendBoxBorderTop: "0", sendBoxHeight: 48, sendBoxTextWrap: true,
    sendTimeout: SEND_TIMEOUT_MS, sendTimeoutForAttachments: SEND_TIMEOUT_MS,
    uploadAccept: document.body.dataset.takes, enableUploadThumbnail: false,
    sendBoxButtonShadeColorOnHover: raised, sendBoxButtonShadeColorOnFocus: raised, sendBoxButtonShadeColorOnActive: raised,
    timestampColor: soft, notificationText: soft, slowConnectorText: soft, failedConnectivity: storm, connectivityTextSize: "80%", typingAnimationHeight: 20, typingAnimationWidth: 34,
    transcriptActivityVisualKeyboardIndicatorColor: accent, transcriptVisualKeyboardIndicatorColor: accent,
    transcriptOverlayButtonBackground: accent, transcriptOverlayButtonColor: ground,
    suggestedActionLayout: "flow", markdownRespectCRLF: true, adaptiveCardsParserMaxVersion: "1.5",
  };
}

function dots(colour, isStill) {
  const blinks = (begin) => (isStill ? "" : `<animate attributeName="opacity" values=".25;1;.25" dur="1.2s" begin="${begin}s" repeatCount="indefinite"/>`);
  const dot = (x, begin) => `<circle cx="${x}" cy="10" r="4" fill="${colour}">${blinks(begin)}</circle>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="34" height="20">${dot(4, 0)}${dot(16, 0.2)}${dot(28, 0.4)}</svg>`;
  return `url("data:image/svg+xml,${encodeURIComponent(svg)}")`;
}

function cardsIn({ ground, ink, soft, line, accent, raised }) {
  const words = {
    default: { default: ink, subtle: soft }, dark: { default: ink, subtle: soft }, light: { default: soft, subtle: soft },
    accent: { default: accent, subtle: accent }, good: { default: accent, subtle: accent },
    warning: { default: ink, subtle: soft }, attention: { default: ink, subtle: soft },
  };
  const container = { backgroundColor: ground, foregroundColors: words };
  return {
    fontFamily: FONT,
    supportsInteractivity: true,
    containerStyles: { default: container, emphasis: { ...container, backgroundColor: raised } },
    separator: { lineThickness: 1, lineColor: line },
    spacing: { small: 4, default: 8, medium: 16, large: 24, extraLarge: 32, padding: 4 },
    actions: { maxActions: 20, actionsOrientation: "horizontal", actionAlignment: "left", buttonSpacing: 8 },
  };
}
