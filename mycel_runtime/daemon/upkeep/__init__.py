"""What an operator does with a journal, whether its daemon runs or not."""
