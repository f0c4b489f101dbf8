"""Events that a client sends again, since it has not heard that they arrived."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable

from bson import ObjectId
from pymongo.errors import PyMongoError

from ..core.mongo import describe, soon
from ..core.promise import Promise
from ..session_log.service import SessionLog, client_key
from .acknowledgements import Acknowledgement
from .connections import Membership
from .handlers import Answer

log = logging.getLogger(__name__)

# Events of which this process knows the acknowledgement, or waits for it. Of older ones the
# log is asked.
REMEMBERED = 10_000
# For how many seconds that may take.
LOOK_TIMEOUT = 1.0

_Key = tuple[ObjectId, bytes]


class Repeats:
    """Has an event with a `clientId` handled once for a person and an interview.

    A repeat is acknowledged as the first one is: over sockets of this process at any time, over
    processes once the first is stored. One that comes to another process before that is told
    twice; the log stores one of the two, and both are acknowledged with its number.
    """

    def __init__(self, session_log: SessionLog) -> None:
        self._log = session_log
        self._known: OrderedDict[_Key, Promise[Acknowledgement]] = OrderedDict()

    def once(
        self, membership: Membership, client_id: str, handle: Callable[[], Answer]
    ) -> Promise[Acknowledgement]:
        """Return the acknowledgement of an event, which `handle` handles if it is the first.

        Waits for the store. Raises what `handle` does; then the event may be sent again.
        """
        interview_id = membership.hosted.interview_id
        key = interview_id, client_key(membership.connection.actor.user_id, client_id)
        if first := self._known.get(key):
            return first
        acknowledged = self._known[key] = Promise()
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        try:
            seq = self._number_of(key)
            answer = {"ok": True, "seq": seq} if seq else handle()
        except Exception as error:
            self._fail(key, acknowledged, error)
            raise
        if not isinstance(answer, Promise):
            acknowledged.set_result(answer)
            return acknowledged

        def end(done: Promise[Acknowledgement]) -> None:
            error = done.exception()
            if error is None:
                acknowledged.set_result(done.result())
            else:
                self._fail(key, acknowledged, error)

        answer.add_done_callback(end)
        return acknowledged

    def _number_of(self, key: _Key) -> int | None:
        """Return the number of the event in the log, None if it is not known to be there."""
        try:
            with soon(LOOK_TIMEOUT):
                return self._log.number_of(*key)
        except PyMongoError as error:
            # Rooms go on without the store; it logs the event once all the same.
            log.warning("an event may be told twice: %s", describe(error))
            return None

    def _fail(self, key: _Key, acknowledged: Promise[Acknowledgement], error: Exception) -> None:
        if self._known.get(key) is acknowledged:
            del self._known[key]
        acknowledged.set_exception(error)
