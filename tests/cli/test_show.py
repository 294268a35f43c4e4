from __future__ import annotations

import pytest

from assistant.cli.shared.exchange import show
from assistant.dialogue import CALLED, STOPPED, UNADDRESSED, WAITING
from assistant.journal.store import Journal
from assistant.values import Reply, Route, StopReason
from tests.journal.exchanges import features, utterance


@pytest.mark.parametrize(
    ("note", "printed"),
    [
        (STOPPED, "asked to stop"),
        (WAITING, "asked to wait"),
        (CALLED, "called, and waiting for what comes next"),
        (UNADDRESSED, "not said to Attune"),
    ],
)
def test_what_gets_no_reply_is_one_line(
    journal: Journal, capsys: pytest.CaptureFixture[str], note: str, printed: str
) -> None:
    turn = journal.hear(utterance())
    journal.failed(turn, note)
    show(journal.turn(turn))
    assert capsys.readouterr().out == f"\n  (exchange {turn}: {printed})\n"


def test_a_question_stands_where_the_reply_would(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    turn = journal.hear(utterance())
    journal.transcribed(turn, features("what lime is it"))
    journal.answering(turn, llm="llm", route=Route.TRANSCRIPT)
    question = 'Did you say "what lime is it"?'
    journal.answered(turn, Reply(question, Route.TRANSCRIPT, StopReason.ASKED_BACK))
    show(journal.turn(turn))
    printed = capsys.readouterr().out
    assert "  you     what lime is it\n" in printed
    assert f"  Attune  {question}\n" in printed
