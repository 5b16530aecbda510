"""Pure rules of the gateway: values, states and errors. Imports the standard library only."""
