"""`make gen`: writes everything that is generated from the contract and committed; `--check` compares.

Imports what is generated only after it is, so that it works when `gen/` is empty, old or broken.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from chassis.edge.protoc import ProtocError, descriptor_set, generate_stubs, read_descriptors

CHECKOUT = Path(__file__).parents[2]
DESCRIPTOR = Path("gen/fitnesshub/descriptor.binpb")
"""What Envoy transcodes by, relative to the checkout."""
OWNED = ("gen", "envoy")
"""Folders in which every file is generated."""
DOCUMENTS = ("docs/errors.md", "docs/events.md")
"""Generated files elsewhere."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Generates, or with --check lists what is stale, missing or left over. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m chassis.edge.generate", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when something would change")
    check = parser.parse_args(arguments).check
    with TemporaryDirectory() as folder:
        fresh = Path(folder)
        try:
            problems = list(produce(CHECKOUT / "proto", fresh))
        except ProtocError as error:
            problems = [str(error)]
        if problems:
            print("\n".join(problems), file=sys.stderr)
            return 1
        changes = differences(CHECKOUT, fresh)
        if check:
            for path, what in changes.items():
                print(f"{what}: {path}", file=sys.stderr)
            if changes:
                print("run `make gen` and commit the result", file=sys.stderr)
            return int(bool(changes))
        for path in changes:
            _apply(CHECKOUT / path, fresh / path)
        print(f"{len(changes)} generated files changed" if changes else "generated files are fresh")
    return 0


def produce(protos: Path, out: Path) -> Iterator[str]:
    """Writes all generated files under `out`; yields problems of the contract, after which files are missing."""
    generate_stubs(protos, out / "gen")
    descriptors = descriptor_set(protos, comments=False)
    (out / DESCRIPTOR).write_bytes(descriptors)
    sys.path.insert(0, str(out / "gen"))
    try:
        from chassis.edge.derived import derive  # noqa: PLC0415 - needs the stubs that were just made

        commented = read_descriptors(protos, comments=True)
        yield from derive(out, descriptors, commented, DESCRIPTOR, protos / "examples.json")
    finally:
        sys.path.remove(str(out / "gen"))


def differences(checkout: Path, fresh: Path) -> dict[Path, str]:
    """What to do to the generated files of the checkout: path -> stale, missing or left over."""
    wanted, present = set(_files(fresh)), set(_files(checkout))
    changes = dict.fromkeys(wanted - present, "missing") | dict.fromkeys(present - wanted, "left over")
    for path in wanted & present:
        if (checkout / path).read_bytes() != (fresh / path).read_bytes():
            changes[path] = "stale"
    return dict(sorted(changes.items()))


def _files(root: Path) -> Iterator[Path]:
    yield from (Path(name) for name in DOCUMENTS if (root / name).is_file())
    for folder in OWNED:
        for path in (root / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(root)


def _apply(target: Path, source: Path) -> None:
    if not source.exists():
        target.unlink()
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())


if __name__ == "__main__":
    raise SystemExit(main())
