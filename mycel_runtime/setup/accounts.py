"""Becoming an owner: as a guest, by logging in, or by registering; and what a refusal of any of it means."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from mycel_runtime.errors import (
    ApiError,
    ArgumentError,
    AuthenticationError,
    BadRequestError,
    ConfigError,
    IdentityRefusedError,
    IntermediaryError,
    InvalidResponseError,
    LoginRefusedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    TransportError,
    UnavailableError,
    ValidationError,
)
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.sdk import Client
from mycel_runtime.sdk.network import DEFAULT
from mycel_runtime.setup.owner import Owner, expiry_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mycel_runtime.sdk import Network
    from mycel_runtime.wire.resources import Login, User

_MEANINGS: Final = {
    "邮箱或密码错误": "wrong e-mail address or password",
    "用户不存在": "no such user",
    "账号数据异常，请联系支持": "the account is damaged; ask its support",
    "邀请码无效或已过期": "the invite code is not valid, or no longer",
    "该邮箱已注册，请直接登录": "this address has an account: log in",
    "发送验证码失败，请稍后重试": "the code could not be sent; try again later",
    "验证码无效或已过期": "the one-time code is not valid, or no longer",
    "验证码错误": "wrong one-time code",
    "会话已过期，请重新验证邮箱": "it took too long: begin the registration again",
    "Token 已过期，请重新登录": "the token has expired: log in again",
}
"""What the backend says, in the words of whoever reads no Chinese. Source: contract 1.2 and 2.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """
    The doors of one backend.

    Attributes:
        base_url: Of the backend.
        network: How it is reached.
    """

    base_url: str
    network: Network = DEFAULT

    def require_backend(self) -> None:
        """
        Raise unless a Mycel answers there.

        Raises:
            ConfigError: Something else does.
            UnavailableError, TransportError: Not now.
        """
        with self._client() as nobody, refusals_told(self.base_url):
            nobody.backend_info()

    def make_guest(self, name: str) -> Owner:
        """
        A new guest, whose token never expires.

        Raises:
            ConfigError: This backend has no guests.
            UnavailableError, TransportError: Not now.
        """
        with self._client() as nobody, refusals_told(self.base_url):
            return self._owner(nobody.auth.create_guest_owner(name), identifier=None)

    def log_in(self, identifier: str, password: str) -> Owner:
        """
        The owner of an account.

        Args:
            identifier: An e-mail address, or the digits of a mycel id.
            password: Its password.

        Raises:
            LoginRefusedError: One of them is wrong.
            ConfigError: This backend has no accounts.
            UnavailableError, TransportError: Not now.
        """
        with self._client() as nobody, refusals_told(self.base_url):
            try:
                made = nobody.auth.login(identifier, password)
            except AuthenticationError as exc:
                raise LoginRefusedError(self.base_url, meaning(exc.detail)) from exc
        return self._owner(made, identifier=identifier)

    def begin_registration(self, email: str, password: str, invite: str) -> None:
        """
        Have a one-time code sent to the address.

        Raises:
            ArgumentError: The invite code is not good, or the address has an account.
            ConfigError, UnavailableError, TransportError: As `log_in`.
        """
        with self._client() as nobody, refusals_told(self.base_url):
            nobody.auth.send_otp(email, password, invite)

    def complete_registration(self, email: str, code: str, invite: str) -> Owner:
        """
        The owner of a new account; raises as `begin_registration`.

        Args:
            email: As before.
            code: The one-time code that came there.
            invite: As before.
        """
        with self._client() as nobody, refusals_told(self.base_url):
            proof = nobody.auth.verify_otp(email, code)
            made = nobody.auth.complete_register(proof["temp_token"], invite)
        return self._owner(made, identifier=email)

    def whose(self, token: SecretStr, *, fix: str) -> User:
        """
        Who has this token.

        Raises:
            IdentityRefusedError: Nobody; with this fix.
            ConfigError, UnavailableError, TransportError: As `require_backend`.
        """
        with self.as_user(token) as client, refusals_told(self.base_url, fix=fix):
            user = client.me.whoami()
            if not isinstance(user.get("id"), str):
                raise InvalidResponseError(200, "the answer of GET /api/auth/me names nobody")
            return user

    def as_user(self, token: SecretStr) -> Client:
        """A client as whoever has this token."""
        return Client(base_url=self.base_url, auth_token=token.get_secret_value(), network=self.network)

    def _client(self) -> Client:
        return Client(base_url=self.base_url, network=self.network)

    def _owner(self, made: Login, *, identifier: str | None) -> Owner:
        now = time.time()
        return Owner(
            base_url=self.base_url,
            user_id=made["user"]["id"],
            name=made["user"].get("name") or made["user"]["id"],
            identifier=identifier,
            token=SecretStr(made["token"]),
            expires_at=expiry_of(made["token"], is_guest=identifier is None, now=now),
        )


@contextlib.contextmanager
def refusals_told(server: str, *, fix: str = "Log in again: mycel-runtime login") -> Iterator[None]:
    """
    What a backend answers, as a person wants to read it.

    Args:
        server: For the error's text.
        fix: Of a refused token or password.

    Raises:
        IdentityRefusedError, ArgumentError, ConfigError, UnavailableError, TransportError: As told above.
    """
    try:
        yield
    except (AuthenticationError, PermissionDeniedError) as exc:
        raise IdentityRefusedError(server, meaning(exc.detail), fix=fix) from exc
    except (BadRequestError, ValidationError) as exc:
        raise ArgumentError(f"{server}: {meaning(exc.detail)}", fix="Correct it, then try again.") from exc
    except TransportError:
        raise
    except (IntermediaryError, RateLimitedError, ServerError) as exc:
        raise UnavailableError(f"{server}: {exc}", fix="Try again in a moment.") from exc
    except NotFoundError as exc:
        raise ConfigError(
            f"this backend has no such call, or no Mycel is there: {exc}",
            where=server,
            fix="Try another of --login, --register and --guest, or correct the address.",
        ) from exc
    except InvalidResponseError as exc:
        raise ConfigError(
            f"no Mycel backend answers this there: {exc}", where=server, fix="Correct the address."
        ) from exc
    except ApiError as exc:
        raise UnavailableError(f"{server}: {exc}", fix="Try again in a moment.") from exc


def meaning(detail: str) -> str:
    """The backend's own text, behind what it means if that is known."""
    known = next((text for said, text in _MEANINGS.items() if detail.startswith(said)), None)
    return detail if known is None else f"{known} ({detail})"
