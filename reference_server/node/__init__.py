"""The agent that a user runs beside a terminal: it dials the gateway and becomes one account's terminal.

It starts a worker whenever the gateway asks for one and passes bytes on, unread. `worker` never has two at a time.
"""
