"""What coding tasks look like on the wire."""

from __future__ import annotations

from marshmallow import validate

from ..core.fields import Flag, Id, ListOf, Part, Timestamp
from ..core.schemas import ChangeSchema, PageEnvelope, Schema
from ..core.text_fields import Choice, Lines, Name, Text
from .model import MAX_CODE, MAX_TASK_BYTES, MAX_TEST_TEXT, MAX_TESTS, Difficulty


def title_field(**kwargs: bool) -> Name:
    return Name("What the task is called.", least=1, most=200, example="Two sum", **kwargs)


def language_field(**kwargs: bool) -> Text:
    return Text(
        "The programming language, as editors name it.",
        most=32,
        example="python",
        validate=[validate.Regexp(r"^[a-z0-9+#.-]{1,32}$")],
        **kwargs,
    )


def difficulty_field(**kwargs: bool) -> Choice:
    return Choice("How hard the task is.", Difficulty, **kwargs)


class TaskTestSchema(Schema):
    """A program's input, and what it must print."""

    name = Name("What the test shows.", least=1, most=200, required=True, example="small numbers")
    stdin = Lines(
        "What the program reads.",
        most=MAX_TEST_TEXT,
        load_default="",
        example="2 7 11 15\n9\n",
    )
    expected = Lines(
        "What the program must print.",
        most=MAX_TEST_TEXT,
        required=True,
        example="0 1\n",
    )
    hidden = Flag("Whether candidates never see this test.", load_default=False, example=False)


class _Content(Schema):
    """What a task is made of beside its title, language and difficulty."""

    MAX_BYTES = MAX_TASK_BYTES

    description = Text(
        "What is asked of the candidate, in Markdown.",
        most=50_000,
        dump_default="",
        example="Print the places of the two numbers that add up to the last line.",
    )
    starterCode = Lines(
        "What the editor holds at first.",
        most=MAX_CODE,
        dump_default="",
        example="def two_sum(numbers, total):\n    ...\n",
    )
    tags = ListOf(
        Text("A tag.", least=1, most=50, example="arrays"),
        "Words to find the task by.",
        most=50,
    )
    tests = ListOf(
        Part(TaskTestSchema, "A test."),
        "Input and output to try with.",
        most=MAX_TESTS,
        dump_default=list,
    )


class CodingTaskCreateSchema(_Content):
    title = title_field(required=True)
    language = language_field(required=True)
    difficulty = difficulty_field(required=True)


class CodingTaskUpdateSchema(_Content, ChangeSchema):
    title = title_field()
    language = language_field()
    difficulty = difficulty_field()


class CodingTaskRefSchema(Schema):
    """Which task it is."""

    id = Id("The task's id.", attribute="_id")
    title = title_field()
    difficulty = difficulty_field()


class CodingTaskBriefSchema(CodingTaskRefSchema):
    """A task as lists show it."""

    language = language_field()
    tags = ListOf(Text("A tag.", most=50), "Words to find the task by.", most=50)
    createdAt = Timestamp("When the task was made.")
    updatedAt = Timestamp("When the task was last changed.")


class CodingTaskSchema(CodingTaskBriefSchema, _Content):
    """A whole task."""


class CodingTaskAnswerSchema(Schema):
    codingTask = Part(CodingTaskSchema, "The task.")


class CodingTaskPageSchema(PageEnvelope):
    codingTasks = ListOf(
        Part(CodingTaskBriefSchema, "A task."), "The page's tasks, newest first.", most=200
    )
