"""
Plugins in processes of their own: `isolation = "process"`.

Keeps: the runtime never imports such a plugin, and calls nothing of its own accord for it; what a process says is
checked against `messages` before it is believed; whatever a plugin has started ends with its process, and its process
with the runtime, however that ended.

`messages` is what the two sides say. This side: `inquiry` has a plugin described at the start, `workers` runs its
handlers. The other side: `reaper` is the process that is started, and forks the one that runs `child`.
"""
