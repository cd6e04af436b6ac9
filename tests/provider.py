"""A small OpenID Connect provider on loopback: code flow with PKCE, keys and signatures of its own (joserfc)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import BaseWSGIServer, make_server

CLIENT, SECRET = "roundtrip", "a secret between the two"


@dataclass
class Provider:
    """`claims`: what it says of who signs in; `spoil`: what it does wrong (nonce, signature, audience, expiry)."""

    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "u-1"})
    spoil: str = ""
    server: BaseWSGIServer | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    other_key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))

    @property
    def issuer(self) -> str:
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.server_port}"

    def start(self) -> None:
        self.server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()

    def _app(self) -> Flask:
        app = Flask("provider")
        app.get("/.well-known/openid-configuration")(self._metadata)
        app.get("/keys")(lambda: jsonify(KeySet([self.key]).as_dict(private=False)))
        app.get("/authorize")(self._authorize)
        app.post("/token")(self._token)
        return app

    def _metadata(self) -> Response:
        return jsonify(
            issuer=self.issuer, authorization_endpoint=f"{self.issuer}/authorize", token_endpoint=f"{self.issuer}/token",
            jwks_uri=f"{self.issuer}/keys", response_types_supported=["code"], subject_types_supported=["public"],
            id_token_signing_alg_values_supported=["RS256"], code_challenge_methods_supported=["S256"],
        )  # fmt: skip

    def _authorize(self) -> Any:
        """Signs in without asking, as it would for who has a session there."""
        asked = request.args
        if asked["client_id"] != CLIENT or asked["code_challenge_method"] != "S256" or "nonce" not in asked:
            return "not so", 400
        code = secrets.token_urlsafe(16)
        self.codes[code] = dict(asked)
        return redirect(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    def _token(self) -> Any:
        asked = self.codes.pop(request.form["code"], None)
        sent = request.authorization
        known = sent is not None and (sent.username, sent.password) == (CLIENT, SECRET)
        if asked is None or not known or request.form["redirect_uri"] != asked["redirect_uri"]:
            return jsonify(error="invalid_grant"), 400
        proof = base64.urlsafe_b64encode(hashlib.sha256(request.form["code_verifier"].encode()).digest()).rstrip(b"=")
        if proof.decode() != asked["code_challenge"]:
            return jsonify(error="invalid_grant"), 400
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": "another" if self.spoil == "audience" else CLIENT, "iat": now,
            "exp": now - 3600 if self.spoil == "expiry" else now + 300,
            "nonce": "another" if self.spoil == "nonce" else asked["nonce"], **self.claims,
        }  # fmt: skip
        key = self.other_key if self.spoil == "signature" else self.key
        token = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, key)
        return jsonify(access_token=secrets.token_urlsafe(16), token_type="Bearer", expires_in=300, id_token=token)
