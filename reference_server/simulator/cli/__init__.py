"""`tonpo simulator`: a broker to trade against, for bots and tests of one's own."""

from reference_server.simulator.cli.group import simulator

__all__ = ["simulator"]
