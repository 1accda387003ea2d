"""Stops a shared stack when nobody holds the users' lock any more, whoever of them was last, and however they ended.

`python -m tests.e2e.keeper FOLDER`, with the environment of the stack.
"""

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

from tests.e2e.stack import COMMAND


def main() -> None:
    """Waits, stops the stack, and removes the file that says that it runs."""
    # Ctrl-C is for the tests; what they leave is still to be stopped.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = Path(sys.argv[1])
    with (folder / "users").open() as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        subprocess.run([COMMAND, "down"], check=False)
        (folder / "running").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
