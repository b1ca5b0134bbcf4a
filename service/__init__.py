"""The program: command line, settings, wiring. Knows everything below; nothing below knows it."""
