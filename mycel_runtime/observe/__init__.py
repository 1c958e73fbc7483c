"""
What happened: facts, and whoever listens to them.

Keeps: the core tells facts and never logs; logs and metrics are renderings of the same fact and so cannot
disagree; no fact has a field for a token or a message's text. Imports nothing of ours but
`known_secrets` and `errors`.
"""
