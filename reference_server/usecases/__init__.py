"""One file per noun, one function or method per operation of the contract."""
