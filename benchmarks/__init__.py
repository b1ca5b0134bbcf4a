"""`make bench`: the bot as its own process on one core, stand-ins of the outside and the people on another.

Ratios are measured side by side in one run; single figures depend on the machine.
"""
