"""What a candidate is asked to agree to: show this text, and send what they chose.

Whoever changes the text changes its version, since each consent names the version that it
was given to. `docs/attention.md` holds the text of every version.
"""

from __future__ import annotations

CONSENT_VERSION = "1"

CONSENT_TEXT = """\
Gaze: while this interview runs, your browser estimates from your camera's picture where on \
the screen you look, how many faces it sees, and whether this page has your focus. These \
figures, not the picture, are sent to the service. Your interviewer sees them live and as a \
summary afterwards. They are deleted after the retention time of this service; the summary \
stays with the interview.

Recording: sound and picture of this interview may be recorded.

Both are your free choice, apart from each other. You may change your mind at any time, with \
effect from then on. Neither choice changes your status as a candidate by itself."""
