"""An Assistants-compatible server on loopback. It knows nothing of the bot, and could be lifted out whole."""
