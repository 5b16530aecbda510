"""The control port: faults, prices, time and accounts of a broker, driven from outside. Off unless started."""

from reference_server.simulator.control.client import ControlClient, ControlRefused, ControlUnreachable
from reference_server.simulator.control.errors import ControlUnusable
from reference_server.simulator.control.port import ControlPort, start_control

__all__ = ["ControlClient", "ControlPort", "ControlRefused", "ControlUnreachable", "ControlUnusable", "start_control"]
