"""Secrets that were issued, and the search for them in what the gateway says."""

from __future__ import annotations

from typing import Final

from benchmarks.fuzzing.cast import KEY_MARK, LOGIN_MARK, PASSWORD_MARK

_ISSUING: Final = ("createUser", "rotateApiKey")
_LOGIN_DIGITS: Final = 16


class Secrets:
    """Knows every key and login of a run, and whose they are; passwords belong to nobody's answer."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}
        self._logins: dict[str, str] = {}

    def add_key(self, key: str, owner: str) -> None:
        """Note an issued key."""
        self._keys[key] = owner

    def add_login(self, login: str, owner: str) -> None:
        """Note the login of an account."""
        self._logins[login] = owner

    def leak_in(self, content: bytes, reader: str, operation: str | None = None) -> str | None:
        """Tell what `reader` must not see in an answer or message, or None. The log is read by nobody: ''."""
        if PASSWORD_MARK.encode("ascii") in content:
            return "a password"
        if KEY_MARK.encode("ascii") in content:
            text = content.decode("utf-8", "replace")
            for key in self._keys:
                if key in text:
                    return f"the key of {self._keys[key]}"
            if operation not in _ISSUING:
                return f"what looks like a key ({operation})"
        if LOGIN_MARK.encode("ascii") in content:
            return self._login_in(content.decode("utf-8", "replace"), reader)
        return None

    def _login_in(self, text: str, reader: str) -> str | None:
        at = text.find(LOGIN_MARK)
        while at >= 0:
            owner = self._logins.get(text[at : at + _LOGIN_DIGITS])
            if owner is not None and owner != reader:
                return f"the login of {owner}"
            at = text.find(LOGIN_MARK, at + 1)
        return None

    def leaks_in_log(self, content: bytes) -> list[str]:
        """List the secrets that a log shows."""
        found = [f"the key of {owner}" for key, owner in self._keys.items() if key.encode("ascii") in content]
        found += ["a login"] if LOGIN_MARK.encode("ascii") in content else []
        return found + (["a password"] if PASSWORD_MARK.encode("ascii") in content else [])
