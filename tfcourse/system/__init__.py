"""The machine around a training: files and locks, devices, memory, signals, quiet imports."""
