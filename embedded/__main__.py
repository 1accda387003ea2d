"""The supervisor in the background: what `fitnesshub up --detach` starts, and waits for at the other end of a pipe."""

import os
import sys

from embedded.home import create, find_home
from embedded.logfiles import rotate
from embedded.problems import EmbeddedError, explain
from embedded.progress import LogFile, Messages, Several
from embedded.supervisor import run


def main() -> int:
    """Runs a stack until it is told to stop. The one argument is the descriptor for messages."""
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)
    messages = Messages(descriptor)
    home = find_home(os.environ)
    try:
        create(home)
        rotate(home.supervisor_log)
        log = LogFile(home.supervisor_log)
    except (EmbeddedError, OSError) as error:
        messages.failed(str(explain(error, "making the state folder", home.root, home.supervisor_log)))
        return 1
    for output in (1, 2):
        os.dup2(log.descriptor, output)
    try:
        run(home, os.environ, Several(messages, log))
    except EmbeddedError:
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
