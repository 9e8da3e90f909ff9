"""How a training runs on a machine: devices, threads, processes, signals, checkpoints. Enters no id."""
