"""What a browser keeps for us, signed and with the time of it: its session, that it is known, a file that was shown."""

from __future__ import annotations

from typing import Any

from itsdangerous import SignatureExpired, TimestampSigner, URLSafeTimedSerializer


class _Signer(TimestampSigner):
    """When the clock of the server is set back, what was signed before is of the future. The library takes that for too
    old, and everybody would be signed out; here it is as good as what is as far in the past."""

    def unsign(self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False) -> Any:  # type: ignore[override]
        try:
            return super().unsign(signed_value, max_age, return_timestamp)  # type: ignore[call-overload]
        except SignatureExpired as fault:
            if max_age is None or fault.date_signed is None:
                raise
            ahead = fault.date_signed.timestamp() - self.get_timestamp()
            if not 0 < ahead <= max_age:
                raise
        return super().unsign(signed_value, None, return_timestamp)  # type: ignore[call-overload]


class Signed(URLSafeTimedSerializer):
    """JSON as signed text; `loads(…, max_age=seconds)` raises BadSignature for what is older, or was changed."""

    default_signer = _Signer
