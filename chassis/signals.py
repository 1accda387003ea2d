"""Signals between the supervisor and our processes, apart so that the supervisor needn't import what they run."""

import signal

END_STREAMS = signal.SIGUSR1
"""The process will stop soon: streams end now, so that the edge in front of it can be drained."""
