"""The edge: reads HTTP and WebSocket requests, calls one use case each, and shapes the answers."""
