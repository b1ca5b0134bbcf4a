"""Microsoft Teams through Bot Framework: activities come in at `endpoint`, answers go out through `channel`."""
