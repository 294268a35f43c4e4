"""Put the finished models together as they are shipped, with recordings to try them on."""

from __future__ import annotations

import argparse
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from models.recipe.dialogues import exchanges, held_out
from models.recipe.synthesis import Synthesiser, Voice

_VOICES = {
    "good morning": "en-us+f4",
    "what time is it please": "en-us+robert",
    "set a timer for ten minutes": "en-us+robert",
    "remind me to call peter tomorrow at ten": "en-us+f4",
    "what do i have to do tomorrow": "en-us+robert",
    "add milk and eggs to my shopping list": "en-us+steph2",
    "i feel a little lonely today": "en-gb-x-rp+antonio",
    "thank you and good night": "en-us+anika",
}

EXAMPLES = tuple(_VOICES)
"""Said in turn where there is no microphone, to show what Attune does: in voices that both of the
recognisers understand, so they say nothing about how well it hears."""


def pack(made: Path, starter: Path, *, accepted: bool = False) -> None:
    """Copy what the recipe made into the layout of the starter.

    Args:
        made: the recipe's output folder.
        starter: the folder to fill; its card is left alone.
        accepted: whether the bridge has shown itself good enough to be used by itself.
    """
    starter.mkdir(parents=True, exist_ok=True)
    shutil.copytree(made / "encoder" / "encoder", starter / "encoder", dirs_exist_ok=True)
    shutil.copyfile(made / "encoder" / "ends.safetensors", starter / "ends.safetensors")
    shutil.copyfile(made / "llm" / "llm.gguf", starter / "llm.gguf")
    import torch  # noqa: PLC0415 - the examples need none

    from assistant.bridge import checkpoint  # noqa: PLC0415

    bridge = checkpoint.read(made / "bridge" / "bridge-ctc.safetensors")
    replace(bridge, accepted=accepted).write(starter / "bridge.safetensors", torch.float16)
    (starter / "sentences.txt").write_text("".join(f"{text}\n" for text in common_talk(400)))
    record(starter / "examples")
    for path in starter.rglob("*.*"):
        path.chmod(0o644)  # safetensors writes files that only their owner can read


def common_talk(count: int) -> list[str]:
    """Distinct remarks from the dialogues, for Attune to replay while it learns a voice."""
    found: dict[str, None] = {}
    for exchange in exchanges(random.Random(20_261_121)):
        if not held_out(exchange.user) and 3 <= len(exchange.user.split()) <= 11:
            found[exchange.user] = None
            if len(found) == count:
                break
    return list(found)


def record(folder: Path) -> None:
    """Synthesise the examples, with half a second of faint noise around them."""
    folder.mkdir(parents=True, exist_ok=True)
    synthesiser = Synthesiser()
    for number, (text, voice) in enumerate(_VOICES.items(), 1):
        spoken = synthesiser.speak(text, Voice(voice, rate_wpm=135, pitch=50, intonation=55))
        samples = spoken.samples.astype(np.float32)
        quiet = np.random.default_rng(number).standard_normal(len(samples) + 16_000) * 16
        quiet[8_000:-8_000] += samples
        name = f"{number}-{'-'.join(text.split()[:4])}.flac"
        soundfile.write(folder / name, quiet.astype(np.int16), 16_000)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("made", type=Path)
    parser.add_argument("starter", type=Path)
    parser.add_argument("--accept", action="store_true", help="let the auto route use the bridge")
    arguments = parser.parse_args()
    pack(arguments.made, arguments.starter, accepted=arguments.accept)


if __name__ == "__main__":
    main()
