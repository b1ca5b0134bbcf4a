"""Runs model-written code behind walls. `sandbox.py` is the door."""
