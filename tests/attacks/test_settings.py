"""Settings that nobody sane writes cost a sentence, never the process, and never the old ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.config import load
from assistant.errors import ConfigError, ControlError
from tests.attacks.bounds import command
from tests.daemon.served import RUN, Service, ended
from tests.generate import toys
from tests.waiting import until

DEEP = 100_000

BAD = {
    "no-user": ('[models]\nfolder = "~nosuchuser/x"', "~nosuchuser is no user of this machine"),
    "digits": (f"[listen]\nhold_off_ms = {'9' * 5_000}", "attune.toml"),
    "large": ("[listen]\nhold_off_ms = 99999999999999", "it should be at most 1000000000"),
    "not-finite": ("[idle]\nquiet_s = inf", "it should be at most 1000000000"),
    "nested-lists": (f"x = {'[' * DEEP}{']' * DEEP}", "attune.toml: it is nested too deeply"),
    "nested-names": (f"{'a.' * 3_000}a = 1", "attune.toml"),
    "zero-byte": ('[models]\nfolder = "/tmp/a\\u0000b"', "it contains a zero byte"),
    "zero-byte-in-a-voice": ('[speak]\nvoice = "a\\u0000b"', "it contains a zero byte"),
    "threads": ("[generate]\nthreads = 1000000", "less than or equal to 128"),
    "encoder-threads": ("[encode]\nthreads = 1000000", "less than or equal to 128"),
    "trainer-threads": ("[personalise]\nthreads = 1000000", "less than or equal to 128"),
    "layers": ("[generate]\ngpu_layers = 99999999", "less than or equal to 10000"),
}


@pytest.mark.parametrize(("text", "why"), BAD.values(), ids=BAD)
def test_bad_settings_cost_one_sentence(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "attune.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load(environ={}, files=(file,))
    assert why in str(raised.value)
    assert str(file) in str(raised.value)
    assert len(str(raised.value)) < 600


def test_the_command_line_says_it_too(tmp_path: Path) -> None:
    file = tmp_path / ".config" / "attune" / "attune.toml"
    file.parent.mkdir(parents=True)
    file.write_text(BAD["nested-lists"][0], encoding="utf-8")
    done = command(tmp_path, ["status"])
    assert done.returncode == 1
    assert done.stderr == (
        f"assistant: Cannot read settings from {file}: it is nested too deeply. Fix or remove it.\n"
    )


STAYS = "The previous settings stay in force."


def test_whatever_is_read_again_the_daemon_goes_on(service: Service, tmp_path: Path) -> None:
    del service.environment["ATTUNE_GENERATE__PATH"]
    good = f'[generate]\npath = "{service.llm}"'
    service.configure("one", good)
    with service.running(RUN) as process:
        service.manager.told_until("READY=1")
        for name in ("no-user", "digits", "nested-lists", "zero-byte"):
            service.config.write_text(BAD[name][0], encoding="utf-8")
            with pytest.raises(ControlError, match=STAYS):
                service.client.reload()
        break_ = toys.write(tmp_path / "break.gguf", toys.Toy(template="{% break %}"))
        for path, why in ((break_, "chat template cannot be used"), ("/dev/zero", "/dev/zero")):
            service.configure("two", f'[generate]\npath = "{path}"')
            service.client.reload()
            service.manager.told_until("READY=1")
            (note,) = [note for note in service.notes if why in note]
            assert note.endswith(STAYS)
        service.configure("three", good)
        service.client.reload()
        until(lambda: service.answers("are you there"))
        ended(process)
