"""Numbered SQL scripts. A file of a newer version is refused; the number reached stands in PRAGMA user_version."""
