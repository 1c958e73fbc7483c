"""Parts of the status, each from one source: hearing, speaking, work, network, journal, plugins, program."""
