"""Makes the virtual environment from the locks; called by the Makefile with any Python 3.

Safe to stop at any moment, to start twice at once, and to repeat in a checkout that was moved or copied.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = str(VENV / "bin/python")
UV = str(VENV / "bin/uv")
MADE_FOR = VENV / ".made-for"
UNFINISHED = VENV / ".unfinished"
LOCKS = {"runtime": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}
FROM_PIP = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}
COMPILE = (
    "pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header"
    " --extra embedded pyproject.toml"
)
SCRIPT = """#!/bin/sh
'''exec' {python} "$0" "$@"
' '''
from cli.main import main

raise SystemExit(main())
"""
# First read by sh, then by Python: a #! line ends at a space and at 127 characters, and paths may not.


def use_new_python() -> None:
    """Goes on under a Python that is new enough. Exits with a message when the machine has none."""
    if sys.version_info >= OLDEST:
        return
    for name in NEWER:
        found = shutil.which(name)
        if found:
            os.execv(found, [found, *sys.argv])
    sys.exit(
        f"FitnessHub needs Python {OLDEST[0]}.{OLDEST[1]} or newer; {sys.executable} is {sys.version.split()[0]}, "
        "and no newer one is on the PATH. Name one with `make PYTHON=...`."
    )


def take_turn() -> None:
    """Waits until no other set-up of this checkout runs. The lock ends with the process."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for another set-up of this checkout", flush=True)
        fcntl.flock(folder, fcntl.LOCK_EX)


def works(*command: str) -> bool:
    """Whether the command runs and succeeds."""
    try:
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def run(*command: str) -> None:
    """Runs a command of the set-up. Exits when it fails; it has said why."""
    if subprocess.run(command, cwd=ROOT, env=surroundings(), check=False).returncode:
        sys.exit("set-up failed: " + " ".join(command[:4]) + " ...")


@lru_cache(maxsize=None)  # `cache` is younger than the oldest Python that must get through here
def surroundings() -> dict[str, str]:
    """The environment for uv: it reads no pip settings, so a mirror that was set for pip is passed on."""
    found = dict(os.environ, UV_SYSTEM_CERTS="1")
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        variable = FROM_PIP.get(name.rpartition(".")[2])
        if variable and variable not in os.environ:
            found[variable] = shlex.split(value)[0]
    return found


def section(lock: str, package: str) -> str:
    """The lines of one package, with its hashes, in the text of a lock."""
    found = re.search(rf"^{re.escape(package)}==.*(?:\n[ \t].*)*", lock, re.MULTILINE)
    if found is None:
        sys.exit(f"the lock has no {package}")
    return found.group() + "\n"


def write(file: Path, text: str) -> None:
    """Puts text in a file, whole or not at all."""
    new = file.with_name(file.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def make_environment() -> None:
    """An environment with uv in it. One that was made elsewhere, or was never finished, is made anew."""
    if not (MADE_FOR.exists() and MADE_FOR.read_text(encoding="utf-8") == str(ROOT) and works(PYTHON, "-c", "pass")):
        print("setting up .venv with Python {}.{}.{}".format(*sys.version_info), flush=True)
        if VENV.is_dir():
            shutil.rmtree(VENV)
        if subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False).returncode:
            shutil.rmtree(VENV, ignore_errors=True)
            sys.exit("this Python can't make virtual environments; on Debian and Ubuntu install python3-venv")
        write(MADE_FOR, str(ROOT))
    if not works(UV, "--version"):
        only_uv = VENV / "uv.txt"
        write(only_uv, section(LOCKS["dev"].read_text(encoding="utf-8"), "uv"))
        options = "--quiet --disable-pip-version-check --force-reinstall --no-deps --require-hashes"
        run(PYTHON, "-m", "pip", "install", *options.split(), "-r", str(only_uv))


def install(kind: str) -> None:
    """Installs what a lock names, hashes checked. `dev` also removes what no lock names."""
    stamp = VENV / f".{kind}"
    lock = LOCKS[kind]
    newest = max(file.stat().st_mtime for file in (lock, Path(__file__)))
    if not stamp.exists() or stamp.stat().st_mtime < newest:
        verb = ["sync"] if kind == "dev" else ["install", "--no-deps", "-r"]
        again = ["--reinstall"] if UNFINISHED.exists() else []  # a killed install leaves halves of packages
        UNFINISHED.touch()
        run(UV, "pip", *verb, str(lock), *again, "--quiet", "--python", PYTHON, "--require-hashes")
        UNFINISHED.unlink()
        where = [PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        packages = Path(subprocess.run(where, stdout=subprocess.PIPE, text=True, check=True).stdout.strip())
        write(packages / "fitnesshub-checkout.pth", f"{ROOT}\n{ROOT}/gen\n")
        command = VENV / "bin/fitnesshub"
        write(command, SCRIPT.format(python=shlex.quote(PYTHON)))
        command.chmod(0o755)
    stamp.touch()


def main() -> None:
    """`runtime` and `dev` install; `lock [OPTIONS]` writes both locks anew, with options for uv as `--upgrade`."""
    use_new_python()
    what, options = sys.argv[1], sys.argv[2:]
    take_turn()
    make_environment()
    if what == "lock":
        run(UV, *COMPILE.split(), *options, "-o", LOCKS["runtime"].name)
        run(UV, *COMPILE.split(), *options, "--group", "dev", "-c", LOCKS["runtime"].name, "-o", LOCKS["dev"].name)
    else:
        install("runtime")
        if what == "dev":
            install("dev")


if __name__ == "__main__":
    main()
