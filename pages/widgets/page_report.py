"""The page as one file: its figures, its tables and the notes on it, at the end of each page."""

from functools import partial

import streamlit as st

from analysis.bundle import Bundle
from analysis.notes.note import Note
from charts.core.export import filename
from charts.core.figure import CaptionedTable
from charts.core.report import ReportHead, WrittenNote, report
from pages.widgets import session
from pages.widgets.authorised_file import authorised, may_be_exported
from pages.widgets.bundles import shown
from pages.widgets.export_menu import notes_now, shown_now, title_now
from pages.widgets.page import basis


def report_button() -> None:
    """Offer the report of what this run has shown; nothing if it has shown nothing."""
    parts = list(shown_now())
    if not parts:
        return
    bundle, title = shown(), title_now()
    if not may_be_exported(bundle):
        return
    name = _file_name(title, bundle)
    head = ReportHead(
        title=f"{title} · {bundle.name}",
        basis=tuple(basis(bundle.manifest)),
        selection=session.current().select,
        notes=tuple(_written(note) for note in notes_now() if not note.content.is_empty),
    )
    st.download_button(
        "Save this page as a report",
        authorised(bundle, name, partial(report, head, parts)),
        file_name=name,
        mime="text/html",
        key="save the report",
        on_click="ignore",
        type="tertiary",
        icon=":material/summarize:",
        help="One HTML file with the figures and tables of this page, their captions, the notes "
        "on it and where everything comes from. It needs no network.",
    )


def _file_name(title: str, bundle: Bundle) -> str:
    """Such as `report-latent_demo_1a2b3c4d.html`."""
    view = session.current()
    ids = {"Latent": (view.latent,), "Pair": (view.latent, view.partner)}.get(title, ())
    named = "-".join(["report", title.casefold(), *(str(one) for one in ids if one is not None)])
    part = next((part for part in shown_now() if isinstance(part, CaptionedTable)), None)
    if part is None:
        return f"{named}_{bundle.manifest.bundle_id[:8]}.html"
    return filename(part, "html").replace(part.name, named, 1)


def _written(note: Note) -> WrittenNote:
    subject, content = note.subject, note.content
    about = {
        "latent": f"latent {subject.key}",
        "pair": f"latents {' and '.join(map(str, subject.members))}",
        "cluster": "this cluster",
        "collection": "this collection",
    }[subject.kind]
    facts = [content.status, *content.tags, note.author]
    if note.time is not None:
        facts.append(f"{note.time:%Y-%m-%d %H:%M} UTC")
    text = "\n".join(part for part in (content.name, content.text) if part)
    return WrittenNote(about, text, " · ".join(fact for fact in facts if fact))
