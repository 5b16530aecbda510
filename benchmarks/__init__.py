"""How fast the gateway is, as ratios to baselines that run beside it: `python -m benchmarks`."""
