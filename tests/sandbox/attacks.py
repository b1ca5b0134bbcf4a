"""What hostile code tries, each attempt by its name."""

from __future__ import annotations

from tests.sandbox.attacks_on_resources import CRASHES, EXHAUSTION
from tests.sandbox.attacks_on_the_machine import FILES, NETWORK, PROCESSES

ATTACKS = FILES | NETWORK | PROCESSES | EXHAUSTION | CRASHES
