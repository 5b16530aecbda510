"""The broker's market: what everything costs, and the ticks and bars that come of it."""
