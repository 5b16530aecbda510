"""The simulated terminal of tonpo-spec under the name of the genuine package."""  # noqa: N999 - that package's name


def _find_the_simulator() -> None:
    """Import `reference_server`, from around this folder where this Python does not have it installed."""
    import sys
    from importlib.util import find_spec, module_from_spec, spec_from_file_location
    from pathlib import Path

    name = "reference_server"
    if find_spec(name) is None:
        package = Path(__file__).resolve().parents[4]
        spec = spec_from_file_location(name, package / "__init__.py", submodule_search_locations=[str(package)])
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(module)


def _become_the_stand_in() -> None:
    import os
    import sys

    from reference_server.simulator.stand_in.environment import terminal_from_environment
    from reference_server.simulator.stand_in.module import fill

    fill(sys.modules[__name__], terminal_from_environment(os.environ))


_find_the_simulator()
_become_the_stand_in()
del _become_the_stand_in, _find_the_simulator
