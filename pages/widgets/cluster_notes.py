"""The note of a cluster, also if it was written for the cluster of an earlier build.

`analysis.notes.reattachment` decides which cluster an earlier note is on. Here readers see how well
it fits, and decide where several notes fit one cluster or none fits well enough.
"""

from typing import NamedTuple

import numpy as np
import streamlit as st

from analysis.bundle import Bundle
from analysis.notes.note import Note, Place, Stamp
from analysis.notes.reattachment import Attachment, attachments
from analysis.notes.subjects import ClusterOrigin, Subject, cluster_subject
from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from analysis.serve.server_settings import server_settings
from pages.widgets.author import writer
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain
from pages.widgets.note_panel import note_panel, show_note
from pages.widgets.noted import KEPT_SECONDS, MOST_KEPT, note_store, place_of
from pages.widgets.pickers import ChosenCluster

MOST_LISTED = 20
_LONGEST = 1000


class ClusterNotes(NamedTuple):
    """The notes of clusters of an SAE, and where they are in a bundle."""

    notes: dict[str, Note]
    """By the key of the subject."""
    places: tuple[Attachment, ...]


def cluster_notes(bundle: Bundle, chosen: ChosenCluster) -> None:
    """The note on a cluster with the votes on its label, and what readers must decide."""
    try:
        place = place_of(bundle)
        address = server_settings().notes
        known = _known(bundle.identity, place, note_store().stamp(), address, bundle)
    except InputError as error:
        st.caption(f"Notes cannot be read or written now. {plain(error.public, _LONGEST)}")
        return
    origin = ClusterOrigin(place.bundle, chosen.cluster, chosen.level.space)
    own = cluster_subject(np.flatnonzero(chosen.members).tolist(), origin)
    label = bundle.clusters["label"][chosen.cluster].as_py() or None
    here = [one for one in known.places if one.is_on_cluster and one.cluster == chosen.cluster]
    earlier = [one for one in here if one.subject.key != own.key]
    if own.key in known.notes or not earlier:
        note_panel(bundle, own, label)
    else:
        first = earlier.pop(0)
        st.caption(_how_well(first))
        note_panel(bundle, first.subject, label)
    for one in earlier:
        st.caption(f"Another note is on this cluster. {_how_well(one)}")
        show_note(known.notes[one.subject.key], place)
    _questions(bundle, place, known, chosen.cluster)


@st.cache_resource(show_spinner=False, max_entries=MOST_KEPT, ttl=KEPT_SECONDS)
def _known(
    identity: str, place: Place, stamp: Stamp, address: str, _bundle: Bundle
) -> ClusterNotes:
    notes = {
        note.subject.key: note
        for note in note_store().notes(place.sae)
        if note.subject.kind == "cluster"
    }
    subjects = [note.subject for note in notes.values()]
    return ClusterNotes(notes, tuple(attachments(_bundle, subjects, note_store().put_on(place))))


def _how_well(one: Attachment) -> str:
    origin = one.subject.origin
    before = "an earlier cluster" if origin is None else f"cluster {origin.cluster} of bundle "
    if origin is not None:
        before += plain(origin.bundle, 20)
    who = " A reader put it here." if one.reason == "reader" else ""
    return (
        f"This note was written for {before}, which shares {numbers.percent(one.overlap)} of the "
        f"members of both (Jaccard index {numbers.short(one.overlap)}).{who}"
    )


def _questions(bundle: Bundle, place: Place, known: ClusterNotes, cluster: int) -> None:
    """Notes that fit this cluster as well as others do, and those that are on no cluster."""
    claimed = [one for one in known.places if one.reason == "claimed" and one.cluster == cluster]
    lost = [one for one in known.places if one.reason == "changed"]
    if claimed:
        st.warning(
            f"{numbers.count(len(claimed))} notes of earlier clusters fit this cluster, so none "
            "was put here. Decide which one belongs here."
        )
        _list(bundle, place, known, claimed, cluster)
    if lost:
        words = f"{numbers.count(len(lost))} notes of earlier clusters fit no cluster here"
        with st.expander(words, icon=":material/question_mark:"):
            _list(bundle, place, known, lost, cluster)


def _list(
    bundle: Bundle, place: Place, known: ClusterNotes, listed: list[Attachment], cluster: int
) -> None:
    for one in listed[:MOST_LISTED]:
        key = one.subject.key[:12]
        with st.container(border=True):
            show_note(known.notes[one.subject.key], place)
            st.caption(_nearest(one))
            with st.container(horizontal=True):
                st.button(
                    f"Put it on cluster {cluster}",
                    key=f"put {key}",
                    on_click=_put,
                    args=(bundle, one.subject, cluster),
                )
                st.button(
                    "It belongs to no cluster here",
                    key=f"remove {key}",
                    type="tertiary",
                    on_click=_put,
                    args=(bundle, one.subject, None),
                )


def _nearest(one: Attachment) -> str:
    if one.cluster is None:
        return "No cluster of this bundle shares a member with it."
    return (
        f"Most similar here: cluster {one.cluster}, with a Jaccard index of "
        f"{numbers.short(one.overlap)}."
    )


@guarded()
def _put(bundle: Bundle, subject: Subject, cluster: int | None) -> None:
    note_store().put(
        place_of(bundle), subject, cluster, writer(bundle, f"place of {subject.kind} {subject.key}")
    )
