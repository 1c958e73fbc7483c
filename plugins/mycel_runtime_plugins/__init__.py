"""mycel-runtime's bundled plugins: they come in by the same door as anybody's."""
