"""What an interview's receipt looks like on the wire."""

from __future__ import annotations

from ..core.fields import Id, Number, Part
from ..core.schemas import Schema
from ..core.signing import ALGORITHM
from ..core.text_fields import Choice, Text
from ..interviews.model import InterviewStatus
from ..session_log.chain import HASH
from ..session_log.sealing import VERSION


class ReceiptSchema(Schema):
    """Vouches for an interview's log: signed is the canonical form of all but `signature`."""

    version = Number("The version of the record's form.", example=VERSION)
    interviewId = Id("The interview's id.")
    candidateId = Id("The candidate's id.")
    interviewerId = Id("The interviewer's id.")
    status = Choice("How the interview ended.", InterviewStatus)
    startedAt = Text(
        "When it was started, or null.",
        most=30,
        allow_none=True,
        example="2027-03-04T09:00:00.000Z",
    )
    endedAt = Text(
        "When it was ended or cancelled; null in some older interviews.",
        most=30,
        allow_none=True,
        example="2027-03-04T10:00:00.000Z",
    )
    sealId = Id("The id of the log's last entry, its seal.")
    sealedAt = Text("When the log was sealed.", most=30, example="2027-03-04T10:00:03.000Z")
    entries = Number("How many entries come before the seal.", least=0, example=4711)
    head = Text("The hash of the last of them, in hex.", most=64, example="9f86d081" * 8)
    hashAlgorithm = Choice("What the hashes are made by.", (HASH,))
    signatureAlgorithm = Choice("What the signature is made by.", (ALGORITHM,))
    keyId = Text("A short name of the key.", most=16, example="3c4f2a9be01d77c8")
    publicKey = Text("The key, 32 bytes in base64.", most=44, example="A" * 43 + "=")
    signature = Text("The signature, 64 bytes in base64.", most=88, example="A" * 86 + "==")


class ReceiptAnswerSchema(Schema):
    receipt = Part(ReceiptSchema, "The receipt.")
