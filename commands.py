"""The administrator's commands: `flask --app app COMMAND --help`."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

import backup
import database
import demo as demo_company
import logs
import moving
from accounts import audit as audit_lines
from accounts.keys import accept_keys
from accounts.models import User
from accounts.people import create_token, create_user, new_password, set_role
from accounts.rights import RIGHTS, ROLES
from alerts import delivering
from assets.ledger import after_migrations
from config import Settings, Store, database_address
from database import db, utc_now
from docs_gen import packs as template_packs
from docs_gen.handing_out import names_of_files
from docs_gen.pack_files import zip_of
from docs_gen.register import REGISTER
from docs_gen.render import RenderError
from docs_gen.samples import write_samples
from errors import UserError
from invariants import INVARIANTS, faults
from serve import address_is_taken, database_of_command, refuse_without_requirements, serve
from worker import run_workers


def init_commands(app: Flask) -> None:
    """Put the commands into `flask --app app`."""
    for command in (
        serve, migrate, demo, accept_keys_, user, check, backup_, restore_, sample_papers, packs, watch_pack, digest,
        audit, worker, move_database, move_files,
    ):  # fmt: skip
        app.cli.add_command(command)


@click.command()
@with_appcontext
def migrate() -> None:
    """Create the database or bring it up to date. Repeating it changes nothing."""
    with database_of_command(migrated=False):
        names = database.migrate()
        after_migrations(names, utc_now())
    click.echo("\n".join(f"ran {name}" for name in names) or "The database is up to date.")


@click.command()
@with_appcontext
def demo() -> None:
    """Load the demo company into an empty database."""
    with database_of_command():
        if not demo_company.is_empty():
            raise click.ClickException("The database is not empty; the demo company is only loaded into an empty one.")
        demo_company.load(utc_now(), _settings())
    click.echo("The demo company is there.")


@click.command("accept-keys")
@with_appcontext
def accept_keys_() -> None:
    """Take the keys of this host for those of the installation, after all hosts were given new ones."""
    with database_of_command():
        accept_keys(_settings())
        audit_lines.record("accepted", "keys")
    click.echo("The keys of this host are the ones now; hosts with others do not start.")


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--lines", type=click.IntRange(0, 2000), default=3, show_default=True, help="Lines of the shipment.")
@click.option("--type", "type_code", type=click.Choice(sorted(REGISTER)), help="Only this paper.")
def sample_papers(folder: Path, lines: int, type_code: str | None) -> None:
    """Render every paper from sample facts into DIR. The database is not touched."""
    refuse_without_requirements()
    for path in write_samples(folder, lines, type_code or ""):
        click.echo(path)


@click.command(
    help="\n\n".join(
        (
            "Hold what is stored against the rules it must obey. Names each fault by its rule, and exits with 1 then.",
            "\b\n" + "\n".join(f"{number}  {text}" for number, text in INVARIANTS.items()),
        )
    )
)
@with_appcontext
def check() -> None:
    """See `invariants.INVARIANTS`."""
    with database_of_command():
        _check()
        position, last = audit_lines.end()
    click.echo(f"The audit ends with line {position}: {last}")
    click.echo("No fault found.")


def _check() -> None:
    count = 0
    for fault in faults(_settings()):
        count += 1
        click.echo(fault)
    if count:
        raise click.ClickException(f"{count} fault{'' if count == 1 else 's'}.")


@click.command("backup")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@with_appcontext
def backup_(file: Path) -> None:
    """Write the database and all kept files to FILE, as they are at one moment, while the service runs.

    FILE appears whole and read back, or not at all. With ROUNDTRIP_BACKUP_KEY it is encrypted and holds the keys of the
    data folder too. Exits with 1 when a kept file is missing or changed; the rest is in FILE all the same.
    """
    now = utc_now()
    with database_of_command():
        try:
            made = backup.backup(file, _settings(), now)
        except backup.BackupFault as fault:
            raise click.ClickException(str(fault)) from fault
        audit_lines.record("made", "backup", file.name, size=made.size, encrypted=made.encrypted)
    click.echo(f"{file}: {made.rows} rows, {made.files} files, {made.size:,} bytes, read back.")
    if not made.encrypted:
        click.echo(_NO_KEYS)
    if made.faults:
        click.echo("\n".join(made.faults))
        raise click.ClickException(f"{len(made.faults)} faults, so it does not count as a good one.")


_NO_KEYS = (
    "Not encrypted: whoever can read it can read all, and secret.key and totp.key are not in it. Without these, people "
    "sign in anew and set up their second factor anew. Set ROUNDTRIP_BACKUP_KEY to have them in it, encrypted."
)


@click.command("restore")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_appcontext
def restore_(file: Path) -> None:
    """Put the backup in FILE into an empty data folder and an empty database, migrate, and check.

    All of FILE is looked at before anything is put in place: with one wrong byte nothing is.
    """
    with database_of_command(migrated=False):
        try:
            made = backup.restore(file, _settings())
        except backup.BackupFault as fault:
            raise click.ClickException(str(fault)) from fault
        after_migrations(database.migrate(), utc_now())
        accept_keys(_settings())  # of a backup without keys, those of this host are the ones now
        click.echo(f"{made.rows} rows and {made.files} files are back, as of {made.time:%Y-%m-%d %H:%M} UTC.")
        if not made.keys:
            click.echo("The backup held no keys: people sign in anew, and set up their second factor anew.")
        audit_lines.record("restored", "backup", file.name, made=made.time)
        _check()
    click.echo("No fault found.")


@click.command()
@click.argument("from_url", metavar="FROM_URL")
@click.argument("to_url", metavar="TO_URL")
@click.option("--with-faults", is_flag=True, help="Also when `check` finds faults, if it finds the same in the copy.")
@with_appcontext
def move_database(from_url: str, to_url: str, with_faults: bool) -> None:
    """Copy the whole database FROM_URL into the empty TO_URL: sqlite:///file or postgresql://user@host/name.

    Stop the service before. Nobody can write meanwhile; each table is counted and summed up on both sides, and `check`
    is held against both. When anything is not as it should be, TO_URL stays empty. FROM_URL is not changed. The
    password of PostgreSQL may be given as PGPASSWORD, where the list of processes does not show it.
    """
    settings = _settings()
    (source, wrong), (target, wrong_too) = database_address(from_url), database_address(to_url)
    if wrong or wrong_too:
        raise click.ClickException("; ".join([*wrong, *wrong_too]))
    if address_is_taken(settings):
        raise click.ClickException(
            f"A service answers at {settings.host}:{settings.port}. Stop it first: what it writes after the move would "
            "be in the old database only."
        )
    database.close_all()
    try:
        moved = moving.move_database(source, target, settings, with_faults=with_faults, told=click.echo)
    except moving.MoveFault as fault:
        raise click.ClickException(f"{fault} Nothing was moved.") from fault
    click.echo(f"{moved.rows} rows of {moved.tables} tables are in the new database, in {moved.seconds:.0f} seconds.")
    click.echo("\n".join(moved.faults) if moved.faults else "No fault found, neither here nor there.")
    click.echo("Now set ROUNDTRIP_DATABASE_URL to the new address, start the service, and put the old database away.")


@click.command()
@click.option("--back", is_flag=True, help="From the store into the data folder.")
@with_appcontext
def move_files(back: bool) -> None:
    """Copy all kept files from the data folder to the store of ROUNDTRIP_FILES_URL; each is read back.

    Nothing is deleted, and what is there already is left, so that it may be called again. Exits with 1 when a file
    is missing or changed.
    """
    settings = _settings()
    if settings.bucket is None:
        raise click.ClickException("Set ROUNDTRIP_FILES_URL, _KEY and _SECRET for this command.")
    way: list[Store] = [settings.data_dir, settings.bucket]
    source, target = reversed(way) if back else way
    with database_of_command():
        moved = moving.move_files(source, target, names_of_files())
        audit_lines.record("moved", "files", "back" if back else "to the store", files=moved.moved, size=moved.size)
    click.echo(f"{moved.moved} files, {moved.size:,} bytes, read back; {moved.there} were there already.")
    if moved.faults:
        click.echo("\n".join(moved.faults))
        raise click.ClickException(f"{len(moved.faults)} faults.")
    click.echo("Now run check" + (" without ROUNDTRIP_FILES_URL." if back else " with these settings."))


def _settings() -> Settings:
    return current_app.config["ROUNDTRIP"]


@click.command()
@with_appcontext
def digest() -> None:
    """Send what is due of alerts: the digest by e-mail, new ones to webhooks. Call it every hour, from cron or a timer.

    What fails is sent at the next call. Nothing is sent twice, and nothing when there is nothing to tell.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with db.connection_context(), app.test_request_context(base_url=_settings().base_url):
        for line in delivering.run(utc_now(), _settings()):
            click.echo(line)


@click.command()
@click.option("--processes", type=click.IntRange(1, 16), default=1, show_default=True, help="How many.")
@with_appcontext
def worker(processes: int) -> None:
    """Do background jobs until told to stop: on a machine that serves no pages. `serve` has workers of its own.

    SIGTERM and Ctrl-C let jobs come to their next step; they go on with the next worker.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    refuse_without_requirements()
    logs.settle(_settings().log)
    with database_of_command():
        pass  # says at once when there is none, or an older one
    database.close_all()
    run_workers(app, processes)


user = AppGroup("user", help="People who may sign in, and their API tokens.")


def _person(username: str) -> User:
    found = User.get_or_none(User.username == username)
    if found is None:
        raise click.ClickException(f"There is no user {username}.")
    return found


@user.command("add")
@click.argument("username")
@click.option("--administrator", is_flag=True, help="May do everything.")
def user_add(username: str, administrator: bool) -> None:
    """Add a person; prints a password that must be changed at the first login."""
    password = secrets.token_urlsafe(12)
    with database_of_command():
        try:
            create_user(username, password, utc_now(), administrator=administrator, one_time=True)
        except UserError as error:
            raise click.ClickException(str(error)) from error
    click.echo(f"{username}: one-time password {password}")


@user.command("password")
@click.argument("username")
def user_password(username: str) -> None:
    """Give a person a new one-time password and end their sessions."""
    with database_of_command():
        click.echo(f"{username}: one-time password {new_password(_person(username))}")


@user.command("role")
@click.argument("username")
@click.argument("role", type=click.Choice(sorted(ROLES)))
@click.option("--take-back", is_flag=True, help="Take the role away instead.")
def user_role(username: str, role: str, take_back: bool) -> None:
    """Give a person a role; what each may do stands on the page of people, under "Roles"."""
    with database_of_command():
        set_role(_person(username), role, not take_back)
        click.echo(f"{username}: {', '.join(sorted(one.name for one in _person(username).roles)) or 'no role'}")


@user.command("token")
@click.argument("username")
@click.argument("name")
@click.option("--right", "rights", multiple=True, type=click.Choice(sorted(RIGHTS)), help="May do this; several times.")
def user_token(username: str, name: str, rights: tuple[str, ...]) -> None:
    """Make an API token that acts as USERNAME; NAME says what uses it. It is shown this once.

    Without --right it may do all that the person may.
    """
    with database_of_command():
        click.echo(create_token(_person(username), name, utc_now(), rights=rights or None))


@user.command("list")
def user_list() -> None:
    """List the people."""
    with database_of_command():
        for person in User.select().order_by(User.username):
            click.echo(
                "\t".join((person.username, "active" if person.active else "off", *(one.name for one in person.roles)))
            )


packs = AppGroup("packs", help="Template packs: papers of one's own.")


@packs.command("take")
@click.argument("source", metavar="DIR_OR_ZIP", type=click.Path(exists=True, path_type=Path))
@click.option("--use", "at_once", is_flag=True, help="Put it into use at once.")
def packs_take(source: Path, at_once: bool) -> None:
    """Try a template pack and keep it as the next version, as the page does. It is not in use before --use."""
    with database_of_command():
        try:
            data = zip_of(source) if source.is_dir() else source.read_bytes()
            row = template_packs.take(data, None, utc_now(), _settings().packs_dir)
            if at_once:
                template_packs.use(row)
        except UserError as error:
            raise click.ClickException(str(error)) from error
    click.echo(f"{row.name}, version {row.version}: {row.types}{', in use' if at_once else ''}")


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", metavar="OUT.pdf", type=click.Path(dir_okay=False, path_type=Path))
def watch_pack(folder: Path, out: Path) -> None:
    """Draw the papers of the template pack in DIR into OUT.pdf, anew whenever a file of it is saved. Ctrl-C ends it.

    The database is not touched.
    """
    if out.resolve().parent == folder.resolve():
        raise click.ClickException("OUT.pdf must lie outside of DIR: it would be a file of the pack.")
    refuse_without_requirements()
    for _ in template_packs.saves(folder):
        try:
            paper = template_packs.draw(folder)
        except (UserError, RenderError) as error:
            click.echo(f"✗ {error}")
            continue
        draft = out.with_name(f".{out.name}")
        draft.write_bytes(paper.data)
        draft.replace(out)  # a viewer that reloads never sees half a file
        click.echo(f"✓ {out}: {paper.pages} pages")


audit = AppGroup("audit", help="The audit: who changed and fetched what.")


@audit.command("export")
@click.argument("out", metavar="OUT.jsonl", type=click.Path(dir_okay=False, path_type=Path))
def audit_export(out: Path) -> None:
    """Write the whole audit to OUT.jsonl, a line each with its hash and one that closes it, for `verify`."""
    with database_of_command(), out.open("w", encoding="utf-8") as file:
        for line in audit_lines.exported():
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    click.echo(f"{line['end']} lines; the last has the hash {line['hash']}")


@audit.command("verify")
@click.argument("file", metavar="FILE.jsonl", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def audit_verify(file: Path) -> None:
    """Hold an exported audit against its hashes and its end; no database is needed. Names each fault, and exits with 1.

    Who may write the file could make all of it anew: keep the hash that `export` told; the closing line has it, too.
    """
    count = 0
    with file.open(encoding="utf-8", errors="replace") as lines:
        for fault in audit_lines.broken_export(lines):
            count += 1
            click.echo(fault)
    if count:
        raise click.ClickException(f"{count} fault{'' if count == 1 else 's'}.")
    click.echo("No fault found.")
