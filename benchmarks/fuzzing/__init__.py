"""Whether the gateway stands abuse: `python -m benchmarks.fuzzing` sends it generated requests and messages."""
