"""
systemd units for a configuration, made from the packaged ones, and found again where they are installed.

Keeps: `systemd/mycel-runtime@.service` and its drop-ins are the one source; whatever they say is printed, but for
the paths. Imports settings and where the daemon has its state.
"""
