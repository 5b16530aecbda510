"""The functions of the module, by subject."""
