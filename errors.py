"""The errors that a user may see, and how a sentence waits for its language.

Rules know no request and hence no language: they give a sentence in English as a key (`N_`) with its values, and the
page, the paper's check or the API answer translates it when it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def N_(sentence: str) -> str:
    """Mark a sentence for translation (Babel's extractor knows the name); gives it back unchanged."""
    return sentence


@dataclass(frozen=True)
class Message:
    """A sentence that is not translated yet: English with %(name)s places, and the values for them."""

    text: str
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text % self.values if self.values else self.text


def plain_message(value: Any) -> Any:
    """A message as JSON has it, those inside it too: whoever reads it later reads it in his own language."""
    if isinstance(value, Message):
        return {"text": value.text, "values": {name: plain_message(one) for name, one in value.values.items()}}
    return value if isinstance(value, str | int) else str(value)


def message_of(plain: Any) -> Any:
    """The message that `plain_message` took apart."""
    if isinstance(plain, dict):
        return Message(plain["text"], {name: message_of(one) for name, one in plain["values"].items()})
    return plain


class UserError(Exception):
    """Base of the errors whose text is meant for the person who asked."""

    status = 400

    def __init__(self, text: str, **values: Any) -> None:
        super().__init__(text)
        self.message = Message(text, values)

    def __str__(self) -> str:
        return str(self.message)


class InvalidInput(UserError):
    """What came in cannot be taken; `field` names the field or cell (`lines-3-quantity`, `C7`)."""

    def __init__(self, field: str, text: str, **values: Any) -> None:
        super().__init__(text, **values)
        self.field = field


class Refused(UserError):
    """A rule says no. `reason` is for programs and stays; the text is for people and may change."""

    status = 409

    def __init__(self, reason: str, text: str, **values: Any) -> None:
        super().__init__(text, **values)
        self.reason = reason


#: reason → (status, seconds after which to try again, sentence)
UNAVAILABLE: dict[str, tuple[int, int, str]] = {
    "busy": (503, 5, N_("The database is busy, so nothing was saved. Try again in a moment.")),
    "no_space": (
        507,
        60,
        N_("The disk is full, so nothing was saved. Tell the administrator."),
    ),
    "read_only": (503, 60, N_("The disk cannot be written to, so nothing was saved. Tell the administrator.")),
    "io_error": (503, 30, N_("The disk does not answer as it should, so nothing was saved. Tell the administrator.")),
    "no_files": (503, 15, N_("The store of the files does not answer. Try again in a moment.")),
}


class Unavailable(Refused):
    """The machine cannot do it now, whatever is asked: `reason` as in UNAVAILABLE. `retry_after`: seconds."""

    def __init__(self, reason: str) -> None:
        self.status, self.retry_after, text = UNAVAILABLE[reason]
        super().__init__(reason, text)
