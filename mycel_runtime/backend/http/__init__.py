"""The REST face: requests to operations of the world, results to JSON. Decides nothing."""
