"""The broker and its terminals in a process of its own, and the module at the other end of the pipe."""
