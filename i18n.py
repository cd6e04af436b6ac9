"""The language of the pages: Chinese and English are equals. The language of a paper does not depend on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, g, has_request_context, request, session
from flask_babel import Babel, force_locale, get_locale, gettext, refresh
from flask_security import current_user
from markupsafe import Markup, escape

from errors import Message, UserError

#: code → (Babel locale, its own name)
LANGUAGES = {"zh": ("zh_CN", "中文"), "en": ("en", "English")}


def init_i18n(app: Flask) -> None:
    """Choose the language for each request; filters for values in templates."""
    app.config["BABEL_DEFAULT_LOCALE"] = "en"
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    Babel(app, locale_selector=_locale)
    app.jinja_env.filters.update(message=translated, number=number, name_of=name_of)
    app.jinja_env.globals.update(language=language, LANGUAGES=LANGUAGES)


def _locale() -> str:
    if not has_request_context():
        return "en"  # a command: its output is English
    chosen = (current_user.is_authenticated and current_user.language) or session.get("language") or g.get("language")
    if not chosen:
        chosen = request.accept_languages.best_match(["en", "zh", "zh-CN", "zh-Hans"], "en")[:2]
    return LANGUAGES[chosen][0] if chosen in LANGUAGES else "en"


def offer_language(code: str) -> None:
    """Show this page in a language, to whoever has not chosen another one."""
    g.language = code
    refresh()


def language() -> str:
    """`en` or `zh`: the language of this page."""
    return str(get_locale() or "en")[:2]


def translated(message: Message | UserError | str) -> str:
    """A message of a rule in the language of the page."""
    if isinstance(message, UserError):
        message = message.message
    if isinstance(message, str):
        return gettext(message) if message else ""
    values = {
        name: translated(value) if isinstance(value, Message) else value for name, value in message.values.items()
    }
    return gettext(message.text, **values) if values else gettext(message.text)


def translator() -> Callable[[Message], str]:
    """`translated` for many messages in the language of this page: each sentence is looked up once."""
    known: dict[str, str] = {}

    def say(message: Message) -> str:
        if message.text not in known:
            known[message.text] = gettext(message.text) if message.text else ""
        values = message.values
        if not values:
            return known[message.text]
        return known[message.text] % {
            name: say(value) if isinstance(value, Message) else value for name, value in values.items()
        }

    return say


def in_each(sentence: str) -> dict[str, str]:
    """A sentence without values in all languages, for programs that show it later: {"en": …, "zh": …}."""
    found = {}
    for code, (locale, _) in LANGUAGES.items():
        with force_locale(locale):
            found[code] = gettext(sentence)
    return found


def name_of(row: Any, field: str = "name") -> str:
    """The name of a row in the language of the page, in the other one where it has none."""
    both = {code: getattr(row, f"{field}_{code}") for code in LANGUAGES}
    return both[language()] or both["en"] or both["zh"]


def instant(value: datetime | None, zone: str = "UTC") -> Markup:
    """A point in time as a <time> element, shown in `zone` with its name."""
    if value is None:
        return Markup("")
    local = value.astimezone(ZoneInfo(zone))
    return Markup('<time datetime="{}">{} <small class="text-body-secondary">{}</small></time>').format(
        value.isoformat(timespec="seconds"), local.strftime("%Y-%m-%d %H:%M"), escape(local.tzname() or zone)
    )


def number(value: Decimal | int | None, decimals: int | None = None) -> str:
    """1234567.50 → 1,234,567.5; with `decimals` exactly that many places."""
    if value is None:
        return ""
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text
