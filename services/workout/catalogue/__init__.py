"""Our own exercises, which every installation has from the start."""
