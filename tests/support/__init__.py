"""Doubles, drivers and fixtures that several kinds of tests share."""
