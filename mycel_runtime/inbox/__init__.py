"""
How we listen.

Keeps: a frame and the checkpoint that covers it commit together, or neither does; the checkpoint moves only over
numbers actually held; what the server holds for us is asked at every connect and on a timer, because a
notification is a hint. Imports `sdk`, `journal` and below; does not know `dispatch`: assembly hands the router in.
"""
