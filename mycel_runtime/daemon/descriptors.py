"""Room for the descriptors of all agents of a process: asked for before the first of them needs one."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Final

from mycel_runtime.observe.facts import DescriptorsScarce

if TYPE_CHECKING:
    from mycel_runtime.observe.observer import Observer

EACH: Final = 10
"""Of an agent that starts or works: its state directory, its journal's files, its stream, its calls, its socket."""

BESIDE: Final = 256
"""Of the process itself, of whoever asks it, and of what plugins open."""


def make_room(agents: int, observer: Observer) -> None:
    """
    Raise the soft limit as far as these agents need it, if it is lower; never above the hard one.

    Systems set it to 1,024, for programs that use `select`. It is raised no further: what plugins start inherits it.

    Args:
        agents: That there are now.
        observer: Told if the hard limit is too low.

    Source: systemd.exec(5), `LimitNOFILE`.
    """
    needed = BESIDE + EACH * agents
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _reaches(soft, needed):
        return
    if not _reaches(hard, needed):
        observer.tell(DescriptorsScarce(limit=hard, needed=needed))
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if _reaches(hard, needed) else hard, hard))


def _reaches(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed
