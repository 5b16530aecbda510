"""The trades per day of a new user's plan: how many they are, and orders that can only fail for their number."""

from datetime import UTC, datetime

from conformance.context import CheckContext

MOST_TRADES = 50
"""A plan with more trades a day is not used up."""


def trades_of_the_day(run: CheckContext) -> int:
    """Return how many trades a day the disposable user's plan allows.

    Raises:
        NotApplicable: when there is no limit, or one above `MOST_TRADES`.
    """
    limit = run.disposable_user.trades_per_day
    if limit is None or limit > MOST_TRADES:
        run.not_applicable(f"a new user's plan allows {limit or 'any number of'} trades a day")
    return limit


def trades_to_use_up(run: CheckContext) -> int:
    """Return how many orders use up the plan's trades of this day.

    Raises:
        NotApplicable: as `trades_of_the_day`.
        CouldNotRun: when so many orders may not be placed here, or the day, and with it the count, is about to end.
    """
    limit = trades_of_the_day(run)
    if not run.target.is_sandbox:
        run.could_not_run(f"{limit} orders in a row are placed on a sandbox only")
    now = datetime.now(UTC)
    if now.hour == 23 and now.minute >= 58:
        run.could_not_run("the day is about to end, and with it the count of its trades")
    return limit


async def rest(run: CheckContext) -> None:
    """Wait until the plan's requests per minute allow one, so that a 429 can only be for the number of trades."""
    seconds = run.disposable_user.pacer.wait_seconds()
    if seconds > 0:
        await run.pause(seconds)
