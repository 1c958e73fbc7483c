"""
Every error of mycel-runtime, in one tree.

    MycelError
    ├── ConfigError                 the operator's input is wrong; names file, key and fix       exit 78
    │   ├── PluginError             a plugin cannot be loaded, or was declared wrongly           exit 78
    │   │   └── PluginImportError   its own code failed, ended the process or hung               exit 78
    │   ├── CredentialError         what systemd is to hand over for a plugin is not to be had       exit 78
    │   ├── StateDirectoryError     the state directory cannot be used                           exit 78
    │   ├── JournalFileError        the journal's file is not one that can be used               exit 78
    │   │   └── JournalMovedError   … because what was in it is kept elsewhere by now            exit 78
    │   ├── JournalMoveError        a journal cannot be moved to another engine                  exit 78
    │   └── BackupError             a backup cannot be made or put back                          exit 78
    ├── IdentityHeldError           another process holds this identity                          exit 69
    ├── LeaseLostError              another process listens as this identity by now              exit 69
    │   └── TakenOverError          … and has all that this one had; also a JournalError         exit 69
    ├── ProcessLivesError           a process that was said to be gone is at work                exit 69
    ├── DatabaseHeldError           another backend serves from this database                exit 69
    ├── IdentityRefusedError        the backend knows the token no more                          exit 77
    │   ├── LoginRefusedError       address, password or account are                             exit 77
    │   └── WrongIdentityError      the token is good, and somebody else's                       exit 77
    ├── UnavailableError            the backend, or the chat, is not to be had now               exit 75
    ├── ArgumentError               a caller's argument cannot be right; nothing was asked       exit 64
    │   └── GuardedCallError        a call of ctx.sdk would break a promise; nothing was asked   exit 64
    ├── WireError                   bytes that are no frame
    ├── ApiError                    the backend answered something else than success
    │   ├── TransportError          no answer at all; `status_code` is 0                         exit 75
    │   │   └── NotSentError        … and the request cannot have reached the backend            exit 75
    │   ├── InvalidResponseError    an answer that is not what the contract says
    │   │   ├── RedirectError       3xx: the server, or something before it, is elsewhere
    │   │   └── IntermediaryError   4xx of something in between, not of the backend
    │   ├── BadRequestError         400
    │   ├── AuthenticationError     401
    │   ├── PermissionDeniedError   403
    │   ├── NotFoundError           404, 405: no such thing, or no such endpoint
    │   ├── ConflictError           409
    │   │   └── NotCaughtUpError    409 of a send: something is unread
    │   ├── ContentTooLargeError    413: the request's body, whoever says so
    │   ├── ValidationError         422
    │   ├── RateLimitedError        429
    │   └── ServerError             5xx
    ├── StreamError                 the runtime inbox stream
    │   ├── HandshakeError          refused before the upgrade; carries the HTTP status
    │   ├── ConnectionClosed        ended; carries close code and reason
    │   └── ReplayOverflow          the ring no longer reaches back to `since_seq`
    ├── JournalError                the journal cannot be opened, read or written                exit 70
    │   ├── JournalFullError        … because the disk, or its user's quota, is full             exit 75
    │   ├── JournalAwayError        … because the database that keeps it is not to be had        exit 75
    │   └── WhoseJournalError       … because nobody knows here whose of several it is           exit 75
    ├── HandlerError                a handler in a process of its own
    │   ├── HandlerIsGeneratorError returned a generator, whose code nobody runs
    │   ├── NotAwaitedError         returned without awaiting what it had asked for; tells the line
    │   │   ├── ReplyNotAwaitedError   a reply, which so was not said
    │   │   └── DeedNotAwaitedError    a deed, which so was not done
    │   ├── HandlerRaisedError      raised something; carries its type and its trace
    │   └── HandlerDiedError        its process ended
    ├── ControlError                the control socket of a running daemon                       exit 75
    │   └── NoDaemonError           … on which nobody answers, or not yet                        exit 75
    └── ToolProblemError            a tool has no result; says what whoever called it can do

A class tells who is at fault and what to do: `exit_code` is the process's answer. Values are attributes; the message
is built here. Tokens and message bodies never are part of either.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_CODES: Final = frozenset(
    {
        "chat_join_action_failed",
        "chat_message_delivery_action_failed",
        "chat_message_event_action_failed",
        "relationship_action_failed",
        "sandbox_capability_mismatch",
        "sandbox_provider_unavailable",
        "sandbox_quota_exceeded",
        "stale_chat_workflow_event_state_version",
        "stale_chat_workflow_state_version",
        "workflow_event_action_failed",
    }
)
"""What the backend's `error` says where it says no `detail`. Source: contract 1.4, 2.4 to 2.8, 10."""

_PROBLEM: Final = frozenset({"type", "title", "status", "instance"})
"""Members of a gateway's problem details (RFC 9457), which have a `detail` too."""


class MycelError(RuntimeError):
    """Root of all errors. A `RuntimeError`, as the reference SDK's errors are."""

    exit_code: ClassVar[int] = 70


class ConfigError(MycelError):
    """
    The operator's input is wrong.

    Args:
        problem: What is wrong, one clause.
        where: File, key and line, as far as they are known.
        fix: What to do next, an imperative sentence.
        parts: Of one that tells several mistakes: each by itself.
    """

    exit_code = 78

    def __init__(
        self, problem: str, *, where: str = "", fix: str = "", parts: Sequence[ConfigError] = ()
    ) -> None:
        self.problem = problem
        self.where = where
        self.fix = fix
        self.parts = parts
        super().__init__(": ".join(part for part in (where, problem) if part) + (f"\n  {fix}" if fix else ""))


class PluginError(ConfigError):
    """A plugin cannot be loaded, or was declared wrongly."""


class PluginImportError(PluginError):
    """A plugin's own code failed, ended its process or hung before it had declared its handlers."""


class CredentialError(ConfigError):
    """
    A credential of systemd cannot be read.

    Args:
        name: As `LoadCredential=` has it.
        why: One clause.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            why,
            where=f"credential {name}",
            fix=f"Add LoadCredential={name}:/path/to/it to the unit, and restart it; without systemd use a file.",
        )


class StateDirectoryError(ConfigError):
    """The state directory cannot be used."""


class JournalFileError(ConfigError):
    """The journal's file is damaged, somebody else's, or of a version that this program does not know."""


class JournalMovedError(JournalFileError):
    """What was in this journal is kept elsewhere by now, or is on its way here."""


class JournalMoveError(ConfigError):
    """A journal cannot be moved to another engine: there is none, or one there already, or both are too different."""


class BackupError(ConfigError):
    """A backup cannot be made or put back: it is damaged, in the way, or another identity's."""


class IdentityHeldError(MycelError):
    """
    Another process holds this identity's journal, or its lease.

    Args:
        where: What is held.
        holder: The other one, for a person.
        fix: What he does about it.
    """

    exit_code = 69

    def __init__(
        self,
        where: str,
        holder: str,
        *,
        fix: str = "Stop that one first. Another agent has a state_dir of its own, another worker its --name.",
    ) -> None:
        self.where = where
        self.holder = holder
        super().__init__(f"{where}: held by another process ({holder})\n  {fix}")


class LeaseLostError(MycelError):
    """Somebody else listens as this identity by now, or nobody: what was heard is not written down."""

    exit_code = 69

    def __init__(self, identity: str) -> None:
        self.identity = identity
        super().__init__(
            f"{identity}: another process listens as this identity by now\n"
            "  If it is a runtime of this agent, all is well; else stop it, and start this one again."
        )


class ProcessLivesError(MycelError):
    """
    A process that is said to be gone for good was heard of just now.

    Args:
        process: Which, for a person.
        seconds: Since then.
    """

    exit_code = 69

    def __init__(self, process: str, seconds: float) -> None:
        self.process = process
        self.seconds = seconds
        super().__init__(
            f"{process} was heard of {seconds:.0f} s ago: it lives\n  Stop it there, and it needs no burial."
        )


class DatabaseHeldError(MycelError):
    """
    Another local backend serves from the database: each would overwrite what the other keeps in memory.

    Args:
        where: The file.
        holder: The other one, for a person.
    """

    exit_code = 69

    def __init__(self, where: str, holder: str) -> None:
        self.where = where
        self.holder = holder
        super().__init__(
            f"{where}: another backend serves from it ({holder})\n"
            "  Stop that one, or give this one another file."
        )


class IdentityRefusedError(MycelError):
    """The backend refused the token: trying again cannot help."""

    exit_code = 77

    def __init__(
        self,
        server: str,
        detail: str,
        *,
        fix: str = "Put a valid token of this agent into its token_file; the daemon stops rather than hammer.",
    ) -> None:
        self.server = server
        self.detail = detail
        self.fix = fix
        super().__init__(f"{server}: the token was refused ({detail})\n  {fix}")


class LoginRefusedError(IdentityRefusedError):
    """
    Nobody is let in by this address and password.

    Args:
        server: Where.
        detail: What it says.
    """

    def __init__(self, server: str, detail: str) -> None:
        self.server = server
        self.detail = detail
        MycelError.__init__(
            self, f"{server}: the login was refused: {detail}\n  Correct address or password."
        )


class WrongIdentityError(IdentityRefusedError):
    """
    The token is good, but not this agent's; we refuse it.

    Args:
        server: Where.
        whose: Its user, for a person, and why that will not do.
        user_id: Of that user.
    """

    def __init__(self, server: str, whose: str, *, user_id: str) -> None:
        self.user_id = user_id
        super().__init__(
            server,
            f"it is that of {whose}",
            fix="Put the agent's own token into its token_file; to speak as this user all the same, set [agent] "
            f'user_id = "{user_id}".',
        )


class UnavailableError(MycelError):
    """
    The same command may succeed later.

    Args:
        problem: Why not now, one clause.
        fix: What to do, an imperative sentence.
    """

    exit_code = 75

    def __init__(self, problem: str, *, fix: str) -> None:
        super().__init__(f"{problem}\n  {fix}")


class ArgumentError(MycelError, ValueError):
    """
    A caller's argument cannot be right, which is known before anybody is asked: nothing was sent.

    Args:
        problem: What is wrong, one clause; never the value itself.
        fix: What to do next, an imperative sentence.
    """

    exit_code = 64

    def __init__(self, problem: str, *, fix: str) -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(f"{problem}\n  {fix}")


class GuardedCallError(ArgumentError):
    """A call of a plugin would break a promise to the agent's other handlers; `fix` names the one to use instead."""


class WireError(MycelError):
    """Bytes that are not what the wire contract says."""


def is_in_backends_shape(answer: Any) -> bool:
    """
    Whether JSON that came with an error is what the backend says.

    Args:
        answer: The body, decoded.

    Source: contract 1.4: `detail` is a text, an object or FastAPI's list; some answers have a known `error` instead.
    """
    if not isinstance(answer, dict):
        return False
    if "detail" in answer:
        return isinstance(answer["detail"], str | dict | list) and _PROBLEM.isdisjoint(answer)
    return isinstance(answer.get("error"), str) and answer["error"] in _CODES


class ApiError(MycelError):
    """
    The backend answered something else than success.

    Attributes:
        status_code: HTTP status; 0 when there was no answer.
        detail: The answer's `detail` (or `message`) as text.
        content: The answer's body as received, at most 64 KiB of it. Never part of the message or `repr`.
        retry_after_seconds: What the answer's `Retry-After` asked for, if it had one.

    Source: contract 1.4 and 3.4.
    """

    def __init__(
        self,
        status_code: int,
        detail: str,
        content: bytes = b"",
        *,
        retry_after_seconds: float | None = None,
    ) -> None:
        self.status_code = status_code
        self.detail = detail
        self.content = content
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"HTTP {status_code}: {detail}")

    @property
    def is_transport_error(self) -> bool:
        """Whether there was no answer at all."""
        return self.status_code == 0

    @property
    def is_backends_own(self) -> bool:
        """
        Whether the backend itself has answered: in JSON, with a `detail`, or with an `error` that only it knows.

        A gateway or a login page does not. What it says decides nothing: the call may have been carried out.

        Source: contract 1.4.
        """
        try:
            return is_in_backends_shape(json.loads(self.content))
        except (ValueError, RecursionError):
            return False

    @classmethod
    def transport_error(cls, detail: str) -> TransportError:
        """Build the error of a call without an answer (a constructor of the reference SDK)."""
        return TransportError(f"transport error: {detail}")


class TransportError(ApiError):
    """No answer: refused, reset, timed out, TLS. The request may or may not have been carried out."""

    exit_code = 75

    def __init__(self, detail: str) -> None:
        super().__init__(0, detail)


class NotSentError(TransportError):
    """No connection was established, so the request cannot have been carried out."""


class InvalidResponseError(ApiError):
    """Success by its status, but the body is not what the contract says; or a status that it does not know."""


class RedirectError(InvalidResponseError):
    """
    3xx: `base_url` is not the address of the backend itself. A redirect is never followed.

    Args:
        status_code: HTTP status.
        location: Where it leads, without query; empty if it does not say.
        base_url: What `base_url` would have to be; empty if the redirect leads to something else, as a login page.
        content: As in `ApiError`.
    """

    def __init__(self, status_code: int, location: str, *, base_url: str = "", content: bytes = b"") -> None:
        self.location = location
        self.base_url = base_url
        fix = (
            f'set base_url to "{base_url}"'
            if base_url
            else "something between here and the backend answers in its place, perhaps with a login page"
        )
        super().__init__(status_code, f"redirected to {location or 'nowhere'}: {fix}", content)


class IntermediaryError(InvalidResponseError):
    """
    4xx, and not in the backend's own shape: a gateway, a firewall or a login page has answered in its place.

    It says nothing of the token, of the chat or of the endpoint, and nothing of whether the call was carried out.
    """


class BadRequestError(ApiError):
    """400: refused input that the schema could not see."""


class AuthenticationError(ApiError):
    """401: the token is absent, expired or unknown."""


class PermissionDeniedError(ApiError):
    """403: known, not allowed. On message endpoints also 'no such chat' (Q52)."""


class NotFoundError(ApiError):
    """404 or 405: no such thing, or a backend without this endpoint (Q52)."""


class ConflictError(ApiError):
    """409: the thing's state forbids it."""


class NotCaughtUpError(ConflictError):
    """409 of a send: the chat holds something that the sender has not read."""


class ContentTooLargeError(ApiError):
    """413: too large a body for the backend or for something before it; only less of it can be said."""


class ValidationError(ApiError):
    """
    422: the request breaks the schema.

    Attributes:
        errors: The answer's list of `{"loc", "msg", "type"}`; empty if the detail was a plain text.
    """

    def __init__(
        self, status_code: int, detail: str, content: bytes = b"", *, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(status_code, detail, content, retry_after_seconds=retry_after_seconds)
        self.errors: list[dict[str, Any]] = []


class RateLimitedError(ApiError):
    """429: come back after `retry_after_seconds`."""


class ServerError(ApiError):
    """5xx. A 500 of a write may have been carried out (Q21): look before repeating."""


class StreamError(MycelError):
    """The runtime inbox stream."""


class HandshakeError(StreamError):
    """
    Refused before the upgrade.

    The status alone does not tell why (Q18): ask `GET /api/auth/me`.
    """

    def __init__(self, status_code: int, detail: str, *, retry_after_seconds: float | None = None) -> None:
        self.status_code = status_code
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"stream refused with HTTP {status_code}: {detail}")


class ConnectionClosed(StreamError):  # noqa: N818 - the reference SDK's name
    """
    The stream ended.

    Attributes:
        code: Close code; 1006 when the connection dropped without one.
        reason: The close frame's text.
    """

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"stream closed with {code}" + (f": {reason}" if reason else ""))


class ReplayOverflow(StreamError):  # noqa: N818 - the reference SDK's name
    """The ring no longer reaches back to `since_seq`; `frame` is the server's notice."""

    def __init__(self, frame: dict[str, Any]) -> None:
        self.frame = frame
        super().__init__(
            f"replay overflow: since_seq {frame.get('since_seq')}, oldest_seq {frame.get('oldest_seq')}"
        )


class JournalError(MycelError):
    """The journal cannot be opened, read or written."""


class JournalFullError(JournalError):
    """
    It cannot be written, nor a copy of it, because there is no room; when there is some, it can.

    Args:
        problem: What could not be done, a clause.
        where: The folder.
    """

    exit_code = 75

    def __init__(self, problem: str, *, where: str) -> None:
        self.where = where
        super().__init__(f"{problem}\n  Make room in {where}, or raise the quota of its user, and try again.")


class TakenOverError(LeaseLostError, JournalError):
    """
    This process was silent for so long that another one has taken over what it had: it changes nothing any more.

    Whoever goes on opens the journal anew.

    Args:
        where: The database, without a password.
    """

    def __init__(self, where: str) -> None:
        MycelError.__init__(
            self,
            f"{where}: this process was not heard of for too long, and another one has taken over what it had\n"
            "  If that is a runtime of this agent, all is well; else start this one again.",
        )
        self.where = where


class JournalAwayError(JournalError):
    """
    The database that keeps it is not to be had, or has not been for too long; when it is, it can be.

    Args:
        problem: What could not be done, a clause.
        where: The database, without a password.
    """

    exit_code = 75

    def __init__(self, problem: str, *, where: str) -> None:
        self.problem = problem
        self.where = where
        super().__init__(f"{where}: {problem}\n  Look whether it runs, and at [engine] url.")


class WhoseJournalError(JournalError):
    """
    Several agents share a database, and this host has not learned yet which of them this one is.

    Args:
        where: The database, for a person.
    """

    exit_code = 75

    def __init__(self, where: str) -> None:
        super().__init__(
            f"{where}: several agents share this database, and this one has not run here yet: nobody knows which of"
            " them it is\n  Set [agent] user_id in its file; or start it here once, or ask where it has run."
        )


class HandlerError(MycelError):
    """What a handler did, told without its own exception, which is in another process or does not exist."""


class HandlerRaisedError(HandlerError):
    """
    It raised something.

    Attributes:
        kind: The type's name.
        trace: Files, lines and functions; no values.
        mistake: Of an `ArgumentError` what is wrong; trying again cannot help.
    """

    def __init__(self, kind: str, trace: str, *, mistake: str = "") -> None:
        self.kind = kind
        self.trace = trace
        self.mistake = mistake
        super().__init__(kind)


class HandlerIsGeneratorError(HandlerError):
    """It returned a generator, whose body nobody runs; one that is known to be one is refused when it is declared."""

    def __init__(self) -> None:
        super().__init__("the handler has returned a generator, whose body has not run: it contains yield")


class NotAwaitedError(HandlerError):
    """
    It has asked for something and returned without awaiting it, so that it was not done.

    Args:
        noun: What it has asked for.
        fix: The call as it should be.
        where: File, line and function that have asked; empty if nobody knows.
    """

    def __init__(self, noun: str, fix: str, where: str) -> None:
        self.where = where
        place = f" ({where})" if where else ""
        super().__init__(f"the handler has returned without awaiting a {noun}{place}: write `{fix}`")


class ReplyNotAwaitedError(NotAwaitedError):
    """Nothing was said."""

    def __init__(self, where: str = "") -> None:
        super().__init__("reply", "await ctx.reply(...)", where)


class DeedNotAwaitedError(NotAwaitedError):
    """Nothing was decided."""

    def __init__(self, where: str = "") -> None:
        super().__init__("deed", "await ctx.approve()", where)


class HandlerDiedError(HandlerError):
    """Its process ended in the middle of a run."""


class ControlError(MycelError):
    """The control socket of a running daemon cannot be used."""

    exit_code = 75


class NoDaemonError(ControlError):
    """
    No daemon answers, or it has not begun to work: what the journal holds can be read all the same.

    Args:
        problem: What is so, a clause.
        is_running: It is there, and has not begun.
        fix: What to do, a sentence.
    """

    def __init__(self, problem: str, *, is_running: bool = False, fix: str = "") -> None:
        self.problem = problem
        self.is_running = is_running
        super().__init__(f"{problem}\n  {fix}" if fix else problem)


class ToolProblemError(MycelError):
    """
    A tool has no result, and its caller, which may be a model, is told why.

    Args:
        problem: What is wrong, a clause.
        fix: What to do, a sentence.
        shown: What the caller is to see with it; JSON, and in no message.
        is_refused: Nothing was done, for certain.
    """

    def __init__(self, problem: str, fix: str, *, shown: Any = None, is_refused: bool = False) -> None:
        self.problem = problem
        self.fix = fix
        self.shown = shown
        self.is_refused = is_refused
        super().__init__(f"{problem}. {fix}")
