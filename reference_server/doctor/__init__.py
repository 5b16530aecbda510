"""`tonpo admin doctor`: what is wrong with the set-up of a gateway and its terminals, and what to do about it."""
