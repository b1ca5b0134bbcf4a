"""The built-in tutor: a Model with no language model behind it, but honest symbolic mathematics."""
