"""What counts as running between two commands."""

from __future__ import annotations

from adapters.sandbox.process_tree import ALLOWED_TICKS, ran_since

FROZEN = {10: 40, 11: 0}


def test_a_tree_that_used_no_time_did_not_run() -> None:
    assert not ran_since(FROZEN, dict(FROZEN))


def test_time_that_the_kernel_charges_after_the_freeze_is_no_run() -> None:
    assert not ran_since(FROZEN, {10: 40 + ALLOWED_TICKS, 11: 1})


def test_a_dead_process_that_is_cleared_away_is_no_run() -> None:
    assert not ran_since(FROZEN, {10: 40})


def test_more_time_than_the_kernel_may_charge_late_is_a_run() -> None:
    assert ran_since(FROZEN, {10: 41 + ALLOWED_TICKS, 11: 0})


def test_a_new_process_is_a_run() -> None:
    assert ran_since(FROZEN, FROZEN | {12: 0})


def test_a_process_that_is_not_stopped_is_a_run() -> None:
    assert ran_since(FROZEN, None)
