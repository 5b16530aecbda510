"""The functions of the module, by subject, and the rules of their arguments."""
