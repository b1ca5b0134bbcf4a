"""One folder per outside system; each implements ports of `bot` and knows no other adapter."""
