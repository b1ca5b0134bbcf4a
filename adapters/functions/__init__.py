"""Functions of the operator's own: Python files of a folder, each call in a process of its own."""
