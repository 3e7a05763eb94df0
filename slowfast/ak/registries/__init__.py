"""What a configuration can name: losses, networks, data sets, metrics and tasks.

Each entry is registered by the file that defines it. Commands, checks, messages and documents read
the registries; no other file lists the names.
"""
