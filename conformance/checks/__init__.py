"""The checks, one module per area; each check is an async function under `conformance.catalogue.check`."""
