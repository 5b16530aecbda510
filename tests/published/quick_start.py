"""The documentation's Quick Start, for the published client; run with the gateway's port as its argument."""

import asyncio
import sys

from tonpo import Tick, TonpoClient, TonpoConfig

config = TonpoConfig(host="127.0.0.1", port=int(sys.argv[1]), use_ssl=False)


async def main() -> None:
    async with TonpoClient.admin(config) as client:
        user = await client.create_user()
        print(f"API key: {user.api_key}")

    async with TonpoClient.for_user(config, user.api_key) as client:
        acct = await client.create_account("12345678", "your-password", "ICMarkets-Demo")
        await client.wait_for_active(acct.account_id, poll_interval=1)
        print(f"Account ID: {acct.account_id}")

    async with TonpoClient.for_user(config, user.api_key) as client:
        info = await client.get_account_info()
        print(f"Balance: {info.balance} {info.currency}")
        result = await client.place_market_buy("EURUSD", volume=0.10, sl=1.0800, tp=1.0950)
        print(f"Order ticket: {result.ticket} success={result.success} error={result.error}")

        # "SDK — Orders"
        for placed in (
            await client.place_market_sell("GBPUSD", volume=0.05, sl=1.2900),
            await client.place_limit_buy("EURUSD", volume=0.10, price=1.0820, sl=1.0780),
            await client.place_limit_sell("XAUUSD", volume=0.01, price=2350.00),
            await client.place_stop_buy("USDJPY", volume=0.10, price=156.50),
            await client.place_stop_sell("EURUSD", volume=0.10, price=1.0780),
            await client.modify_position(ticket=result.ticket, sl=1.0820, tp=1.0960),
            await client.close_position(ticket=result.ticket, volume=0.05),
        ):
            print(f"Accepted: {placed.success} error={placed.error}")
        for position in await client.get_positions():
            if position.ticket == result.ticket:
                print(f"Left: {position.volume} {position.sl} {position.tp}")
        closed = await client.close_position(ticket=result.ticket)
        print(f"Closed: {closed.success}")

        # "SDK — WebSocket"
        heard: asyncio.Event = asyncio.Event()

        async def on_tick(tick: Tick) -> None:
            print(f"Tick: {tick.symbol} {tick.bid} {tick.ask}")
            heard.set()

        client.ws.on_tick("EURUSD", on_tick)
        await client.subscribe(["EURUSD", "GBPUSD", "XAUUSD"])
        await asyncio.wait_for(heard.wait(), 30)


asyncio.run(main())
