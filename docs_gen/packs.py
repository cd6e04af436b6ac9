"""Taking a template pack, putting it into use, turning back; and looking at one while it is written.

A pack is taken only when each of its types comes out of the worker for a small, a usual, a full and a hostile shipment,
and when the usual and the full one say what they must: an overriding template whatever of number, parties and total our
own says, an added one number and parties. Taken versions stay, since papers that they printed can be printed again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from peewee import fn

import archive
from accounts.models import User
from config import Store
from database import keep_writers_out, taking_turns
from docs_gen import render
from docs_gen.document_types import GOODS, DocumentType, Imprint, paper_html, print_job
from docs_gen.facts import ShipmentFacts, WordingFacts
from docs_gen.models import TemplatePack
from docs_gen.pack_files import Pack, read_pack, zip_of
from docs_gen.register import REGISTER, pack_of
from docs_gen.render import Paper, RenderError
from docs_gen.render_pool import Job, NotRendered, render_many, render_one
from docs_gen.samples import sample_facts, with_ssccs
from docs_gen.sandbox import Exemplars
from errors import N_, InvalidInput, Message, Refused
from shipments.details import Details

#: For all samples of a pack together; one that takes longer would keep every clerk waiting, too.
MAX_SECONDS = 60
_DAY = date(2026, 11, 20)
_LOOKING_SECONDS = 0.3


@dataclass(frozen=True)
class Sample:
    """Facts to try a type with. `must`: the paper has to say what it is about."""

    name: str  # minimal, typical, full, hostile, or the pack's own
    facts: ShipmentFacts
    imprint: Imprint
    must: bool


def samples(type: DocumentType) -> list[Sample]:
    """What a type is tried with: those of the samples that it applies to."""
    typical = sample_facts(3)
    tried = [
        ("typical", typical, 1, 0),
        ("minimal", _minimal(), 1, 0),
        ("full", _full(), 1, 1),
        ("hostile", _hostile(), 1, 0),
    ]
    found = []
    for name, facts, originals, copies in tried:
        for part in type.parts(facts)[:1]:
            imprint = Imprint(f"{type.series}-2026-0042", _DAY, f"{type.series}-2026-0007", originals, copies)
            said = with_ssccs(part) if type.needs_sscc and part.packages else part
            found.append(
                Sample(name, said, Imprint() if name == "minimal" else imprint, must=name in ("typical", "full"))
            )
    return found


def take(data: bytes, user: User | None, now: datetime, packs_dir: Store) -> TemplatePack:
    """Keep a pack as the next version of its name, not yet in use.

    Raises InvalidInput(`file`): its form is wrong, or a type does not come out as it must. Refused(`known`): it is the
    same as a version that is there.
    """
    pack = read_pack(data, REGISTER)
    check(pack)
    with taking_turns():
        keep_writers_out(TemplatePack)  # of two who bring one at once, the second gets the version after the first
        same = TemplatePack.get_or_none(TemplatePack.name == pack.name, TemplatePack.sha256 == pack.sha256)
        if same:
            raise Refused("known", N_("This is version %(version)s of %(name)s, which is there already."),
                          name=same.name, version=same.version)  # fmt: skip
        last = TemplatePack.select(fn.MAX(TemplatePack.version)).where(TemplatePack.name == pack.name).scalar()
        sha256 = archive.keep(packs_dir, data, suffix=".zip")
        return TemplatePack.create(
            name=pack.name, version=(last or 0) + 1, sha256=sha256, uploaded_by=user, uploaded_time=now,
            types=" ".join(type.code for type in pack.types),
        )  # fmt: skip


def check(pack: Pack) -> None:
    """Try every type of the pack in a worker. Raises InvalidInput(`file`) for the first one that does not come out."""
    own = dict(pack.samples)
    end = time.monotonic() + MAX_SECONDS
    for type in pack.types:
        tried = samples(type)
        if not tried:
            raise InvalidInput("file", N_("%(paper)s: no sample shipment has this paper."), paper=type.code)
        jobs = []
        for sample in tried:
            job = print_job(type, sample.facts, sample.imprint)
            must = must_say(type, sample) if sample.must else []
            jobs.append((sample.name, replace(job, options={**job.options, "must": must})))
        if type.code in own:
            job = print_job(type, tried[0].facts, tried[0].imprint)
            jobs.append((f"{type.code}.sample.json", _with_sample(job, own[type.code])))
        # The usual one alone and first: a template that ends a worker ends one of them, once.
        for some in (jobs[:1], jobs[1:]):
            for (name, _), answer in zip(some, render_many([job for _, job in some]), strict=True):
                if isinstance(answer, RenderError):
                    raise InvalidInput(
                        "file", N_("%(paper)s, sample “%(sample)s”: %(fault)s"),
                        paper=type.code, sample=name, fault=fault_of(answer),
                    )  # fmt: skip
        if time.monotonic() > end:
            raise InvalidInput("file", N_("Its papers take longer than %(max)s seconds to make."), max=MAX_SECONDS)


def must_say(type: DocumentType, sample: Sample) -> list[str]:
    """The texts that this type has to say of a sample: number, seller, consignee, total. What our own does not say, one
    that overrides it need not say either; an added one need not say a total unless it is checked for money."""
    facts = sample.facts
    total = f"{facts.total:,.{facts.decimals}f}"
    seller, consignee = facts.seller, facts.consignee
    ours = REGISTER.get(type.code)
    if ours is None:
        money = not set(type.checks) <= set(GOODS)
        return [sample.imprint.number, seller.name_en, consignee.name_en, *([total] if money else [])]
    said = render.page_text(paper_html(ours, facts, sample.imprint), stylesheets=ours.styles)
    wanted = [sample.imprint.number, seller.name_en, seller.name_zh, consignee.name_en, total]
    return [text for text in wanted if text and "".join(text.split()) in said]


def sample_paper(row: TemplatePack, code: str) -> Paper:
    """A type of a taken pack with the usual sample, as a draft. Raises RenderError; KeyError: it has no such type."""
    type = {one.code: one for one in pack_of(row).types}[code]
    return render_one(print_job(type, samples(type)[0].facts))


def use(row: TemplatePack) -> None:
    """Put this version into use in the place of the one of the same name that was; also how one turns back.

    Raises Refused(`clash`) when another pack in use has one of its types or series; UserError when it cannot be read.
    """
    with taking_turns():
        pack = pack_of(row)
        for other in TemplatePack.select().where(TemplatePack.active, TemplatePack.name != row.name):
            theirs = pack_of(other).types
            codes = {type.code for type in pack.types} & {type.code for type in theirs}
            added = {type.series: type.code for type in theirs if type.code not in REGISTER}
            codes |= {type.code for type in pack.types if type.code not in REGISTER and type.series in added}
            if codes:
                raise Refused(
                    "clash",
                    N_("The pack %(other)s, which is in use, has this paper or its series already: %(papers)s"),
                    other=other.name,
                    papers=", ".join(sorted(codes)),
                )
        TemplatePack.update(active=False).where(TemplatePack.name == row.name).execute()
        TemplatePack.update(active=True).where(TemplatePack.id == row.id).execute()


def put_aside(row: TemplatePack) -> None:
    """Use no version of this pack any more: papers are printed by our own templates, and its own types end."""
    TemplatePack.update(active=False).where(TemplatePack.name == row.name).execute()


# ---- looking at a pack while it is written


def draw(folder: Path) -> Paper:
    """All types of the pack in a folder as one PDF, each with its own sample or else the usual one.

    Raises InvalidInput, RenderError.
    """
    pack = read_pack(zip_of(folder), REGISTER)
    own = dict(pack.samples)
    jobs = []
    for type in pack.types:
        tried = samples(type)
        job = print_job(type, tried[0].facts, tried[0].imprint)
        jobs.append(_with_sample(job, own[type.code]) if type.code in own else job)
    papers = []
    for type, answer in zip(pack.types, render_many(jobs), strict=True):
        if isinstance(answer, RenderError):
            raise RenderError(f"{type.code}: {answer}")
        papers.append(answer)
    if len(papers) == 1:
        return papers[0]
    data = render.merge([paper.data for paper in papers], pack.name, [type.title_en for type in pack.types])
    return Paper(data, sum(paper.pages for paper in papers))


def saves(folder: Path) -> Iterator[None]:
    """Comes back at once, and then each time when a file of the folder was saved, added or taken away."""
    before = None
    while True:
        now = sorted((path.name, _saved(path)) for path in folder.iterdir())
        if now != before:
            before = now
            yield
        else:
            time.sleep(_LOOKING_SECONDS)


def _saved(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # an editor replaces a file by renaming another one
        return 0


def _with_sample(job: Job, facts: str) -> Job:
    """The job of a type of a pack with facts that the pack brought; a worker reads them."""
    assert isinstance(job.html, Exemplars)
    return replace(job, html=replace(job.html, facts=facts))


def fault_of(error: RenderError) -> Message | str:
    """Why there is no paper, to be shown to people."""
    return error.message if isinstance(error, NotRendered) else str(error)


# ---- the samples


_MAY_BE_EMPTY = (
    "contract_no", "order_no", "payment_terms", "vessel", "voyage", "transport_document_no", "freight_container_no",
    "seal_no", "remarks", "invoice_number", "place_of_delivery",
)  # fmt: skip
_MAY_BE_NONE = ("notify_party", "forwarder", "carrier", "broker", "ship_from", "deliver_to")


def _minimal() -> ShipmentFacts:
    """One line, one carton, and nothing that may be left out."""
    facts = sample_facts(1, scanned=False)
    without: dict[str, Any] = dict.fromkeys(_MAY_BE_EMPTY, "") | dict.fromkeys(_MAY_BE_NONE)
    return replace(facts, **without, marks=(), details=Details(), departure_date=None)


def _full() -> ShipmentFacts:
    """Everything that there may be: letter of credit, dangerous goods, every role, a wording in every place."""
    facts = sample_facts(4, full=True)
    slots = ("header", "terms", "bank", "remark", "footer")
    wordings = tuple(
        WordingFacts(slot, "", language, text)
        for slot in slots
        for language, text in (("en", f"Our wording for {slot}."), ("zh", "本公司条款。"))
    )
    return replace(
        facts, notify_party=facts.forwarder, buyer=facts.consignee, manufacturer=facts.broker, wordings=wordings,
        colour="#1a4f8b", remarks="Stow away from heat.",
    )  # fmt: skip


def _hostile() -> ShipmentFacts:
    """What forms let through at worst: long words without a blank, markup, figures of 17 digits."""
    facts = sample_facts(3)
    seller = replace(
        facts.seller, name_en="W" * 200, name_zh="苏州稳达转向系统有限公司" * 10, email="a" * 200 + "@example.com",
        address_en=tuple("Averylongstreetnamewithoutanyspace" * 3 for _ in range(6)),
    )  # fmt: skip
    consignee = replace(
        facts.consignee, name_en="<script>alert(1)</script>{{ facts }}" + "&<b>" * 40, contact="]]>\"'`<!--", name_zh=""
    )
    big = 10**17
    lines = tuple(
        replace(line, part_no="P" * 60, description_en="Steering_rack_" * 30, description_zh="转向器总成" * 80,
                quantity=line.quantity * big, amount=line.amount * big)
        for line in facts.lines
    )  # fmt: skip
    packages = tuple(replace(row, marks="M" * 255, description_en="D" * 400) for row in facts.packages)
    return replace(
        facts, seller=seller, consignee=consignee, lines=lines, packages=packages, total=facts.total * big,
        remarks="备注" * 120, marks=("MARK" * 20,) * 12, named_place="N" * 64,
    )  # fmt: skip
