"""Parts of the status, each from one source: the journal's file, the plugins, the program, the configuration."""
