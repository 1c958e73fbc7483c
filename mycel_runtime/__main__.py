"""`python -m mycel_runtime` is `mycel-runtime`."""

from mycel_runtime.cli.main import main

main()
