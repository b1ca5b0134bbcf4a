"""Asks the tutor hundreds of questions, runs its code for real, and judges the answers by numpy."""
