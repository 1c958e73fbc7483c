"""
From nothing to an agent that answers: what `init`, `login`, `agent` and `token` decide, keep and try.

What is asked and what is written is decided without a look at the world, by `questions`, `plugin_choices`,
`assignments` and `agent_file`. The rest keeps three promises: a file is there whole or not at all, with mode 0600
where it holds a secret; an identity that was made is kept, or told of; a signal ends nothing half way. Only `cli`
imports this.
"""
