"""The OpenID Connect provider of the settings, and what speaks to it: Authlib under Flask-Security.

Imported only where the settings name one: with all that Authlib needs it would be a tenth of every start.
"""

from __future__ import annotations

import logging
from typing import Any

import flask_security.oauth_glue
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from flask_security.oauth_provider import FsOAuthProvider
from joserfc.errors import JoseError
from requests.exceptions import RequestException

from accounts.oidc import subject_of

log = logging.getLogger("roundtrip.login")

#: What goes wrong on the way to the provider, and with its answer.
UNREACHABLE = (RequestException, OAuthError, ValueError)
NOT_FOR_US = (JoseError, RequestException)


def bring_along() -> None:
    """Give Flask-Security what it would have imported itself, had it been there at its import (see `app`)."""
    vars(flask_security.oauth_glue).update(OAuth=OAuth, OAuthError=OAuthError)


class Provider(FsOAuthProvider):
    """How a person is found in what the provider says of it."""

    def fetch_identity_cb(self, oauth: Any, token: Any) -> tuple[str, Any]:
        """The field and value by which the library finds the person. Authlib has checked signature, issuer, audience,
        expiry and nonce."""
        key = subject_of(token.get("userinfo") or {})
        if key is None:
            raise OAuthError(error="no_subject")
        return "oidc_subject", key

    def oauth_response_failure(self, error_view: str, e: Any) -> Any:
        """The words of the provider go to the log, not onto our page."""
        log.warning("sign-in at the provider failed: %s", str(e.error)[:80])
        return super().oauth_response_failure(error_view, OAuthError(error="failed", description=""))
