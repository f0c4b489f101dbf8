"""Co-editing: the shared document between those who speak Yjs and those who do not.

An edit is applied to this process's copy of the document, logged, and told to the other
processes as a Yjs update. Sockets whose editors speak Yjs hear updates as they come; the
rest are shown the text, at most `SNAPSHOTS_A_SECOND` times a second and always the last.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from math import ceil
from typing import Any, TypeVar

import gevent
from bson.raw_bson import RawBSONDocument

from ..core.broadcast import Message
from ..core.errors import NotFound, ServiceError, TooManyRequests
from ..core.mongo import Document as Stored
from ..core.newlines import normalize_newlines
from ..core.promise import Promise
from ..core.ratelimit import Shares
from ..core.workpool import FairWorkpool, Stopwatch
from ..editor.service import EMPTY, MAX_TEXT, MAX_UPDATE, Document, EditorService
from ..session_log.service import Entry, SessionLog
from ..transport.outgoing import ASK, BetweenPings, Outgoing
from .acknowledgements import Acknowledgement, acknowledge
from .connections import Connection, Membership
from .conversation import Language
from .events import LoggedEvent, check_size
from .handlers import Handlers, RoomHandler
from .hosted import Hosted
from .hosting import Hosts
from .proceedings import Proceedings
from .replica import Heard, Replica
from .rooms import NAMESPACE, Rooms
from .shadow import InFlight, ShadowText

log = logging.getLogger(__name__)

T = TypeVar("T")

# Between processes: an edit of the document, as a Yjs update.
EDIT = "code:edit"

SNAPSHOTS_A_SECOND = 10

# What share of a thread the large edits of one person may keep busy, and for how many seconds
# at once; for how many seconds their next one waits for that, before it is refused.
THREAD_SHARE = 0.2
THREAD_SECONDS = 2.0
MOST_WAIT = 10.0


class CodeUpdate(LoggedEvent):
    codeSnapshot: str | None = None
    update: bytes | None = None

    def __post_init__(self) -> None:
        if (self.codeSnapshot is None) == (self.update is None):
            raise ValueError("codeSnapshot: either this or update is needed")
        check_size("update", len(self.update or b""), MAX_UPDATE)


class ChangeLanguage(LoggedEvent):
    language: Language


class Editing:
    """Takes edits from the sockets of this process and from other processes."""

    def __init__(
        self,
        *,
        editor: EditorService,
        session_log: SessionLog,
        proceedings: Proceedings,
        rooms: Rooms,
        hosts: Hosts,
        pool: FairWorkpool,
    ) -> None:
        self._editor = editor
        self._log = session_log
        self._proceedings = proceedings
        self._rooms = rooms
        self._hosts = hosts
        self._pool = pool
        self._shares = Shares(THREAD_SHARE, THREAD_SECONDS)
        rooms.on(EDIT, self._hear_edit)
        rooms.on("language", self._hear_language)

    def handlers(self) -> Handlers:
        return {
            "codeUpdate": RoomHandler(CodeUpdate, self._update),
            "language": RoomHandler(ChangeLanguage, self._language),
        }

    def open(self, hosted: Hosted, starter: Callable[[], tuple[str, str]]) -> Replica:
        """Return this process's copy of the document; waits for the store the first time.

        `starter` gives the text and the language that a document is born with.
        """
        with hosted.preparing:
            if hosted.replica is None:
                if not self._editor.is_open(hosted.interview_id):
                    self._editor.open(hosted.interview_id, *starter())
                hosted.replica = Replica(
                    partial(self._spread, hosted), partial(self._pool.run, hosted.interview_id)
                )
            replica = hosted.replica
            if replica.in_doubt:
                with replica:
                    self._load(hosted, replica)
            return replica

    def state(self, membership: Membership, vector: bytes | None) -> dict[str, Any]:
        """Return what a socket that comes in is told of the document, which it holds.

        A whole-text editor is told no more until `begin` is called. Raises `Invalid` for a
        state vector that is none.
        """
        hosted, connection = membership.hosted, membership.connection
        replica = hosted.replica
        if replica is None:
            raise NotFound("The document is gone")
        document = replica.document
        replica.plain.pop(connection.socket_id, None)
        if membership.yjs:
            update = document.since(vector)
            # Edits that are not in the log yet may have been lost with who wrote them: those
            # who have them send them again.
            unsure = [
                message.data["update"]
                for message in hosted.feed.unstored()
                if message.event == EDIT
            ]
            known = document.vector(without=unsure)
            return {"language": replica.language, "update": update, "sv": known}
        base = document.base
        # An editor that joins again may be typing.
        former = connection.joined.get(str(hosted.interview_id))
        membership.shadow = shadow = (former and former.shadow) or ShadowText(base)
        membership.greeting = greeting = shadow.sent(base)
        connection.send(ASK, partial(shadow.may_arrive, greeting))
        return {"language": replica.language, "codeSnapshot": base.text}

    def begin(self, membership: Membership) -> None:
        """Send texts to a whole-text editor, which has been sent its answer; never waits.

        A text that overtook the answer would be replaced by the answer's.
        """
        hosted, connection = membership.hosted, membership.connection
        shadow, greeting, replica = membership.shadow, membership.greeting, hosted.replica
        joined = connection.joined.get(str(hosted.interview_id))
        if shadow and greeting and replica and joined is membership:
            connection.send(ASK, partial(self._arrived, hosted, shadow, greeting))
            replica.plain[connection.socket_id] = membership
            if not (greeting.base and greeting.base.revision is replica.document.history.now):
                self._show_soon(hosted, replica)

    def tell_late(self, hosted: Hosted, entry: Stored) -> None:
        """Work in an edit that was found in the log, and not heard before."""
        update = (entry.get("data") or {}).get("update")
        if update is not None and hosted.replica:
            hosted.replica.hear(bytes(update))

    def log_again(self, hosted: Hosted, message: Message) -> None:
        """Log an edit that another process told of and did not live to log."""
        data = message.data
        if message.event != EDIT:
            return
        actor = RawBSONDocument(data["actor"])
        try:
            self._log.append(hosted.interview_id, "code", actor, {"update": data["update"]})
        except ServiceError as error:
            log.warning("an edit that nobody logged cannot be: %s", error)

    def _load(self, hosted: Hosted, replica: Replica) -> None:
        """Read the document into `replica`, which is held and hears already.

        What is heard meanwhile waits; what was heard before is in the log, or has no number
        yet as the reading begins. Who has the document already is told what was not heard.
        """
        read_before, former = bool(replica.language), replica.document
        replica.language = ""
        on_their_way = hosted.feed.unnumbered()
        version = self._editor.load(hosted.interview_id)
        language = version.language
        for message in on_their_way:
            if message.event == EDIT:
                update = message.data["update"]
                apply = partial(version.document.apply, update, trusted=True)
                if version.document.is_heavy(update):
                    self._pool.run(hosted.interview_id, apply)
                else:
                    apply()
            elif message.event == "language":
                language = message.data["language"]
        replica.document = version.document
        replica.language = replica.language or language
        replica.in_doubt = False
        if read_before:
            news = replica.document.since(former.vector())
            if news != EMPTY:
                self._spread(hosted, Heard(news, None))

    def _update(self, membership: Membership, event: CodeUpdate) -> Promise[Acknowledgement]:
        hosted, connection = membership.hosted, membership.connection
        replica = hosted.replica
        if replica is None:
            raise NotFound("The document is gone")
        self._wait_for_share(connection, replica.document, event)
        with replica:
            if replica.in_doubt:
                self._load(hosted, replica)
            if event.update is not None:
                entry, new = self._take_update(membership, replica, event)
            else:
                entry, new = self._take_snapshot(membership, replica, event)
        if new is not None:
            # An editor that speaks Yjs and sends a text does not have the edits made of it.
            has_it = event.update is not None or not membership.yjs
            self._rooms.say(
                hosted.room,
                EDIT,
                {
                    "id": str(entry.id),
                    "update": new,
                    "actor": connection.actor_entry.raw,
                },
                skip=connection.socket_id if has_it else None,
            )
        return acknowledge(entry.stored)

    def _take_update(
        self, membership: Membership, replica: Replica, event: CodeUpdate
    ) -> tuple[Entry, bytes | None]:
        update = event.update or b""
        document = replica.document
        self._log.check_ready()
        if document.is_heavy(update):
            new = self._work(membership, document.apply, update)
        else:
            new = document.apply(update)
        return self._note(membership, replica, update, event.clientId), new

    def _take_snapshot(
        self, membership: Membership, replica: Replica, event: CodeUpdate
    ) -> tuple[Entry, bytes | None]:
        text = normalize_newlines(event.codeSnapshot or "")
        # A character has at least one byte.
        check_size("codeSnapshot", len(text), MAX_TEXT)
        document = replica.document
        shadow = membership.shadow
        self._log.check_ready()
        if shadow is None:
            # An editor that speaks Yjs and sends a text all the same means it as it stands.
            base = document.base
        elif shadow.is_ambiguous and document.is_heavy_text(text, document.base):
            base = self._work(membership, shadow.base_of, text)
        else:
            base = shadow.base_of(text)
        if document.is_heavy_text(text, base):
            new, sent = self._work(membership, document.merge, text, base)
        else:
            new, sent = document.merge(text, base)
        # Even what changes nothing is acknowledged by its number.
        entry = self._note(membership, replica, new or EMPTY, event.clientId)
        if shadow:
            shadow.edited(base, sent)
            self._show_soon(membership.hosted, replica)
        return entry, new

    def _wait_for_share(
        self, connection: Connection, document: Document, event: CodeUpdate
    ) -> None:
        """Wait until the person of the socket may keep a thread busy again.

        An edit that needs none goes on at once. Raises `TooManyRequests` where it would wait
        for longer than `MOST_WAIT`.
        """
        delay = self._shares.delay(connection.actor.user_id)
        if delay and (event.update is None or document.is_heavy(event.update)):
            if delay > MOST_WAIT:
                raise TooManyRequests(ceil(delay), "Too many large edits, try again later")
            gevent.sleep(delay)

    def _work(self, membership: Membership, function: Callable[..., T], *args: Any) -> T:
        """Return what `function` returns on a thread, which the person is charged for."""
        watch = Stopwatch()
        try:
            return self._pool.run(membership.hosted.interview_id, watch.run, function, *args)
        finally:
            self._shares.charge(membership.connection.actor.user_id, watch.seconds)

    def _note(
        self, membership: Membership, replica: Replica, update: bytes, client_id: str | None
    ) -> Entry:
        """Log an edit that was just made; where the log refuses it, it is not made after all.

        Nothing waits from here until it is told: it is not in the log before.
        """
        try:
            return self._proceedings.note(
                membership, "code", {"update": update}, client_id=client_id
            )
        except Exception:
            replica.in_doubt = True
            raise

    def _language(self, membership: Membership, event: ChangeLanguage) -> Any:
        return self._proceedings.tell(
            membership,
            "system",
            {"event": "code.language", "language": event.language},
            event="language",
            told={"language": event.language, "userId": str(membership.connection.actor.user_id)},
            client_id=event.clientId,
        )

    def _hear_language(self, message: Message) -> None:
        hosted = self._hosts.of_room(message.room)
        if hosted and hosted.replica:
            hosted.replica.language = message.data["language"]
        self._rooms.pass_on(message)

    def _hear_edit(self, message: Message) -> None:
        hosted = self._hosts.of_room(message.room)
        if hosted is None or hosted.replica is None:
            return
        update, skip = message.data["update"], message.skip
        if message.own:
            # Worked in before it was told.
            self._spread(hosted, Heard(update, skip))
        else:
            hosted.replica.hear(update, skip)

    def _spread(self, hosted: Hosted, edit: Heard) -> None:
        """Tell the editors here of an edit that was worked in; never waits."""
        self._rooms.tell_here(
            hosted.yjs_room, "codeUpdate", {"update": edit.update}, skip=edit.skip
        )
        if hosted.replica:
            self._show_soon(hosted, hosted.replica)

    def _show_soon(self, hosted: Hosted, replica: Replica) -> None:
        if not replica.plain or replica.showing:
            return
        wait = replica.shown_at + 1 / SNAPSHOTS_A_SECOND - time.monotonic()
        replica.showing = True
        gevent.spawn_later(max(0.0, wait), self._show, hosted, replica)

    def _show(self, hosted: Hosted, replica: Replica) -> None:
        """Send the text to the whole-text editors that do not have it."""
        with replica:
            replica.showing = False
            replica.shown_at = time.monotonic()
            base = replica.document.base
            packet: Outgoing | None = None
            for membership in replica.plain.values():
                shadow = membership.shadow
                if shadow is None or not shadow.needs(base):
                    continue
                text = shadow.sent(base)
                packet = packet or BetweenPings(
                    Outgoing.event(NAMESPACE, "codeUpdate", {"codeSnapshot": base.text})
                )
                membership.connection.send(
                    packet,
                    partial(shadow.may_arrive, text),
                    partial(self._arrived, hosted, shadow, text),
                )

    def _arrived(self, hosted: Hosted, shadow: ShadowText, text: InFlight) -> None:
        """Note that an editor has a text, and send what was held back until then; never waits."""
        shadow.arrived(text)
        if shadow.is_behind and hosted.replica:
            self._show_soon(hosted, hosted.replica)
