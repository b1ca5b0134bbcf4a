"""Runs model-written code isolated from the machine. Callers start at `sandbox.py`."""
