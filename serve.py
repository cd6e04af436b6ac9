"""`flask --app app serve`: bring the database up to date, then serve with gunicorn until told to stop."""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

import buckets
import demo
import logs
import metrics
from accounts.keys import other_keys
from accounts.people import first_administrator
from assets.ledger import after_migrations
from config import Bucket, Settings, SettingsFault
from database import (
    DatabaseFault,
    close_all,
    connected,
    leave_threads_for_readers,
    migrate,
    starting_alone,
    utc_now,
)
from docs_gen import render_pool
from docs_gen.issuing import finish_unfinished
from docs_gen.render import missing_requirements
from docs_gen.signing import check_certificate
from errors import Unavailable
from slow_senders import Worker
from worker import Processes

WORKERS = 2
THREADS = 20  # most of them wait: for slow clients, for the database, and up to `turns.PLACES` for papers
WRITERS = 4  # of these threads; the others are left for those who read, however long a writer waits


#: A batch of scans makes some ten thousand objects, which go with it: by default that is fourteen collections.
_COLLECTION = (20_000, 20, 20)


class _Master(Arbiter):
    """gunicorn's master, which keeps the workers for background jobs too: one parent for all that runs here."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.jobs = Processes(server.settings.workers, server.flask_app, self._leave)

    def _leave(self) -> None:
        """In a process for jobs: what is the master's is not its."""
        for one in self.LISTENERS:
            one.close()

    def manage_workers(self) -> None:
        super().manage_workers()
        self.jobs.look()

    def stop(self, graceful: bool = True) -> None:
        self.jobs.ask_to_stop()
        super().stop(graceful)
        self.jobs.stop()


class Server(BaseApplication):
    """gunicorn with our settings: processes that share the loaded application, threads for slow clients."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.flask_app, self.settings = app, settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in {
            "bind": f"{self.settings.host}:{self.settings.port}",
            "workers": WORKERS,
            "threads": THREADS,
            "worker_class": Worker,
            "preload_app": True,
            "timeout": 120,
            "keepalive": 30,  # seconds; a handheld scans every few of them, and an idle connection holds no thread
            "graceful_timeout": 30,
            "accesslog": None,
            "loglevel": "warning",
            "logconfig_dict": logs.configuration(self.settings.log),
            "control_socket_disable": True,
            "post_worker_init": self.take_up,
            "child_exit": lambda _, worker: metrics.ended(worker.pid),
        }.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        return self.flask_app

    def run(self) -> None:
        _Master(self).run()

    def take_up(self, worker: Any) -> None:
        """A new process goes on with what a stopped one left."""
        gc.set_threshold(*_COLLECTION)
        leave_threads_for_readers(WRITERS)
        render_pool.warm()


def address_is_taken(settings: Settings) -> str:
    """What is wrong with the address to listen on, empty when it is free: told before anything else is done."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            return f"{where}: {error.strerror}. Set ROUNDTRIP_PORT or ROUNDTRIP_HOST to another one."
    return ""


@contextmanager
def database_of_command(*, migrated: bool = True) -> Iterator[None]:
    """A connection for a command; what is wrong with the database is told in one line, without a traceback."""
    try:
        with connected(migrated=migrated):
            yield
    except (DatabaseFault, Unavailable) as fault:
        raise click.ClickException(str(fault)) from fault


def refuse_without_requirements() -> None:
    """End the command when this machine lacks a library or a font that papers need: named, each in one line."""
    if lacking := missing_requirements():
        raise click.ClickException("This machine cannot make papers yet.\n" + "\n".join(lacking))


def _get_ready(settings: Settings) -> list[str]:
    """All that has to be done before the first request; gives name and password of the first administrator, if he was
    made now. Hosts that start at the same time do it one after the other."""
    now = utc_now()
    if settings.bucket:
        _try_the_store(settings.bucket)
    with database_of_command(migrated=False), starting_alone():
        after_migrations(migrate(), now)
        if other := other_keys(settings):
            raise click.ClickException(_OTHER_KEYS.format(" and ".join(other)))
        administrator = first_administrator(now)
        if settings.demo and demo.is_empty():
            click.echo("Loading the demo company …")
            demo.load(now, settings)
        finish_unfinished(settings)
    close_all()  # a connection that two processes share after the fork mixes up their answers
    return list(administrator or ())


_OTHER_KEYS = (
    "{} of this host are not those of this database: people would be signed out, and their second factors not be read. "
    "Give every host the same (see docs/operations.md). If all of them were given new ones: flask --app app accept-keys"
)


def _try_the_store(bucket: Bucket) -> None:
    """A store that refuses us is told at once; one that does not answer now may come back, and scans need none."""
    try:
        buckets.try_it(bucket)
    except buckets.StoreFault as fault:
        raise click.ClickException(f"ROUNDTRIP_FILES_URL: {fault}.") from fault
    except Unavailable as fault:
        click.echo(
            f"ROUNDTRIP_FILES_URL: {fault} Going on; papers cannot be issued or fetched until it does.", err=True
        )


def _apart(settings: Settings) -> list[str]:
    """`_get_ready` in a process of its own, which ends with it."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(reading)
            told = _get_ready(settings)
            render_pool.close()
            os.write(writing, json.dumps(told).encode())
            status = 0
        except click.ClickException as fault:
            fault.show()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise SystemExit(1)
    return list(json.loads(said))


@click.command()
@with_appcontext
def serve() -> None:
    """Migrate, load the demo company into an empty database (ROUNDTRIP_DEMO=1), serve."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    settings: Settings = app.config["ROUNDTRIP"]
    refuse_without_requirements()
    try:
        check_certificate(settings)
    except SettingsFault as fault:
        raise click.ClickException(str(fault)) from fault
    if taken := address_is_taken(settings):
        raise click.ClickException(taken)
    logs.settle(settings.log)
    render_pool.open_nursery()
    metrics.share()
    try:
        # What has spoken to the store of the files must not fork those who speak to it, too.
        administrator = _apart(settings) if settings.bucket else _get_ready(settings)
        gc.freeze()  # what is there now stays: the processes share its memory, and no collection walks through it
        click.echo(f"Roundtrip: http://{settings.host}:{settings.port}")
        if administrator:
            click.echo(f"First administrator: {administrator[0]}   one-time password: {administrator[1]}")
        Server(app, settings).run()
    finally:
        metrics.unshare()
