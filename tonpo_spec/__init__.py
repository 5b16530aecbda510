"""The `tonpo` command: one door to the contract, the reference gateway and the conformance suite."""
