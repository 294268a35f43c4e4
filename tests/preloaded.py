"""What the fork server loads before it forks; see ``tests.forked``."""

try:
    import tests.catalog.puller  # noqa: F401 - first: it rules how the hub's library is loaded
    from tests.cli.callers import load_everything

    load_everything()
except ImportError as error:  # which a fork server passes over, to load each time what it can
    raise RuntimeError("The fork server cannot load what the tests need.") from error
