"""Whether the gateway holds for long: `python -m benchmarks.soaking` trades and streams, and then does the accounts."""
