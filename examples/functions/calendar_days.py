"""Counts business days. Set FN_HOLIDAYS to the company's holidays, such as `2026-12-25,2027-01-01`."""

from __future__ import annotations

import os
from datetime import date, timedelta

from bot.functions import repeatable

MAX_SPAN = timedelta(days=366 * 50)


@repeatable
def business_days(first: date, last: date) -> dict[str, object]:
    """Count the business days from the first to the last day, both included: Monday to Friday without holidays.

    Returns the number and the holidays that were left out.
    """
    if last < first:
        raise ValueError("the last day comes before the first")
    if last - first > MAX_SPAN:
        raise ValueError("at most 50 years can be counted")
    holidays = {date.fromisoformat(day.strip()) for day in os.environ.get("FN_HOLIDAYS", "").split(",") if day.strip()}
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    working = [day for day in days if day.weekday() < 5]
    left_out = [day.isoformat() for day in working if day in holidays]
    return {"business_days": len(working) - len(left_out), "holidays": left_out}
