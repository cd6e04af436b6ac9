"""The service with one route more: a POST that asks who it is, as for a scan, and does nothing. The rival of single scans."""

from __future__ import annotations

from flask import Flask, Response, jsonify

import app as service
from accounts.access import scanner


@scanner
def nothing() -> Response:
    return jsonify(nothing=True)


def create_app() -> Flask:
    """Found by `flask --app benchmarks.does_nothing`."""
    app = service.create_app()
    app.add_url_rule("/api/v1/nothing", view_func=nothing, methods=["POST"])
    return app
