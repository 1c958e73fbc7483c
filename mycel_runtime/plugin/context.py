"""
What a handler is given: for `async def`. Those for plain functions are derived from these, in `plain_context`.

Written once, for handlers beside the runtime and for those in a process of their own: what needs the runtime goes
through a port. All contexts end with the handler's run: speaking afterwards is refused, because nobody would record
it. Each is a view, which tells what is shown, with what can be done: `Calling` by all, `Speaking` by all but a hook
of the stop.
"""

from __future__ import annotations

from typing import TypeAlias

from mycel_runtime.plugin.answer_context import AnswerContext
from mycel_runtime.plugin.frame_context import FrameView
from mycel_runtime.plugin.hook_context import StartContext, StopContext
from mycel_runtime.plugin.message_context import MessageContext
from mycel_runtime.plugin.timer_context import TimerContext

Context: TypeAlias = AnswerContext | MessageContext | FrameView | TimerContext | StartContext | StopContext
"""What a handler is run with, for `async def`; a plain function gets its plain counterpart."""
