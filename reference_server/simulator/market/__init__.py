"""The broker's market: what it lists, what it costs, and the bars that come of it."""
