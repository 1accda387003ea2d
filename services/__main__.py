"""Starts one process of the mesh: `python -m services serve|work --service NAME … --port N --metrics-port M`.

With `rebuild` or `compare` instead it makes the projections of the services anew, or compares them with a rebuild.
"""

import argparse
import importlib
import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path

import uvloop

from chassis.contract import ContractError
from chassis.db import PoolBudgetError
from chassis.events.rebuild import RebuildError
from chassis.process import Options, Process
from chassis.settings import SettingsError
from chassis.telemetry import logs

log = logging.getLogger("services")
SERVICES = sorted(path.parent.name for path in Path(__file__).parent.glob("*/bootstrap.py"))


def main() -> int:
    """Runs the process. Returns 0 after an orderly stop, 1 with a sentence on stderr when it can't start."""
    arguments = _parse()
    label = arguments.service[0] if len(arguments.service) == 1 else "mesh"
    logs.configure(label, os.environ.get("FITNESSHUB_LOG_LEVEL", "INFO"))
    builds = {name: importlib.import_module(f"services.{name}.bootstrap").build for name in arguments.service}
    options = Options(
        role=arguments.role,
        host=arguments.host,
        port=arguments.port,
        metrics_port=arguments.metrics_port,
        processes=arguments.processes,
        probe_period=arguments.probe_period,
    )

    async def run() -> bool:
        process = Process(builds, options, os.environ)
        try:
            return await process.run()
        finally:
            for service, report in process.reports.items():
                print(json.dumps({"service": service} | asdict(report)))

    try:
        return 0 if uvloop.run(run()) else 1
    except RebuildError as error:
        print(error, file=sys.stderr)
        return 1
    except (SettingsError, ContractError, PoolBudgetError, OSError, ValueError) as error:
        log.debug("the start failed", exc_info=error)
        print(f"can't start {', '.join(arguments.service)}: {error}", file=sys.stderr)
        return 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services", description=__doc__)
    parser.add_argument("role", choices=("serve", "work", "rebuild", "compare"))
    parser.add_argument("--service", action="append", choices=SERVICES, required=True, help="may be repeated")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="gRPC port; processes given the same one share it")
    parser.add_argument("--metrics-port", type=int, default=0, help="port of /metrics and /ready; 0 takes a free one")
    parser.add_argument("--processes", type=int, default=2, help="how many such processes share the database")
    parser.add_argument("--probe-period", type=float, default=1.0, help="seconds between NOT_SERVING and the drain")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
