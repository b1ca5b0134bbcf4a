// Web Chat in the colours of the page, which chat.css names.
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const LIGHT = { ground: "#ffffff", ink: "#1d1d26", soft: "#5c5c6b", line: "#d9d9e3", mine: "#ecebff", accent: "#4c46b6", raised: "#f6f6fa", bad: "#b3261e" };
const DARK = { ground: "#191921", ink: "#ececf4", soft: "#a9a9ba", line: "#3a3a48", mine: "#35326b", accent: "#b3b0ff", raised: "#22222c", bad: "#ff9f97" };

export function look(isDark, isStill) {
  const colours = isDark ? DARK : LIGHT;
  return { styleOptions: { ...styleOf(colours), typingAnimationBackgroundImage: dots(colours.soft, isStill) }, adaptiveCardsHostConfig: cardsIn(colours) };
}

function styleOf({ ground, ink, soft, line, mine, accent, raised, bad }) {
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
    uploadAccept: document.body.dataset.takes, enableUploadThumbnail: false,
    sendBoxButtonShadeColorOnHover: raised, sendBoxButtonShadeColorOnFocus: raised, sendBoxButtonShadeColorOnActive: raised,
    timestampColor: soft, notificationText: soft, slowConnectorText: soft, failedConnectivity: bad, connectivityTextSize: "80%", typingAnimationHeight: 20, typingAnimationWidth: 48,
    transcriptActivityVisualKeyboardIndicatorColor: accent, transcriptVisualKeyboardIndicatorColor: accent,
    transcriptOverlayButtonBackground: accent, transcriptOverlayButtonColor: ground,
    markdownRespectCRLF: true, adaptiveCardsParserMaxVersion: "1.5",
  };
}

function dots(colour, isStill) {
  const blinks = (begin) => (isStill ? "" : `<animate attributeName="opacity" values=".25;1;.25" dur="1.2s" begin="${begin}s" repeatCount="indefinite"/>`);
  const dot = (x, begin) => `<circle cx="${x}" cy="10" r="4" fill="${colour}">${blinks(begin)}</circle>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="48" height="20">${dot(14, 0)}${dot(26, 0.2)}${dot(38, 0.4)}</svg>`;
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
