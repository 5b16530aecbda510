"""`python -m tonpo_spec` is the `tonpo` command."""

from tonpo_spec.cli import main

if __name__ == "__main__":
    main()
