"""The `fitnesshub` command: its names, exit codes and messages are a contract that scripts rely on."""
