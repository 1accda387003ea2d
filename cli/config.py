"""`fitnesshub config`: every setting with the value it would have now, secrets left out."""

import importlib
import os
from argparse import Namespace
from collections.abc import Iterator
from importlib.util import find_spec

from embedded.problems import EmbeddedError
from embedded.topology import service_names

OWN_SERVERS = ("DATABASE_URL", "REDIS_URL")


def config(arguments: Namespace) -> int:
    """Prints lines as `FITNESSHUB_USER_SIGN_UP_ENABLED=True`."""
    names = service_names()
    if arguments.service is not None and arguments.service not in names:
        raise EmbeddedError(f"there is no service {arguments.service!r}; there are: {', '.join(names)}")
    lines = [] if arguments.service else list(_stack_lines())
    for name in [arguments.service] if arguments.service else names:
        lines += _service_lines(name)
    for line in lines:
        print(line)
    return 0


def _stack_lines() -> Iterator[str]:
    from embedded.choices import parse
    from embedded.home import find_home

    choices = parse(os.environ)
    yield f"FITNESSHUB_HOME={find_home(os.environ).root}"
    yield f"FITNESSHUB_PORT={choices.port}"
    yield f"FITNESSHUB_PROFILE={choices.profile}"
    yield f"FITNESSHUB_WORKERS={choices.workers}"
    yield f"FITNESSHUB_ISSUER={choices.issuer}"
    for name in OWN_SERVERS:
        yield f"{name}={'…' if os.environ.get(name) else ''}"


def _service_lines(service: str) -> Iterator[str]:
    from chassis.settings import ServiceSettings, SettingsError, load_settings, redacted

    module = f"services.{service}.settings"
    if find_spec(module) is None:
        return
    # By name: commands know services by their folders only.
    for kind in vars(importlib.import_module(module)).values():
        if not (isinstance(kind, type) and issubclass(kind, ServiceSettings) and kind.__module__ == module):
            continue
        try:
            settings = load_settings(kind, service, os.environ)
        except SettingsError as error:
            raise EmbeddedError(str(error)) from error
        for field, value in redacted(settings).items():
            yield f"FITNESSHUB_{service.upper()}_{field.upper()}={value}"
