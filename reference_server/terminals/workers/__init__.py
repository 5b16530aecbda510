"""Who runs an adapter: on the event loop, or in a process of its own."""
