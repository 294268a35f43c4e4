"""A private sound server for tests: a virtual mouth, microphone, loudspeaker and ear.

PulseAudio runs with its own home and socket, so neither the machine's sound nor its settings
matter. PortAudio freezes its list of devices when it is initialised, so whatever uses these
devices runs in a subprocess that is given ``SoundServer.env``.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

START_S = 30
TAIL_S = 0.5  # what the recorder may still hold in its buffer when the sound has ended

_ALSA = """
</usr/share/alsa/alsa.conf>
pcm.!default { type pulse hint { show on description "Attune's test sound server" } }
ctl.!default { type pulse }
pcm.headset { type pulse device "mic" hint { show on description "Attune's test headset" } }
"""


MOUTH = "module-null-sink sink_name=mouth rate=48000 channels=1 norewinds=1"
MICROPHONE = "module-remap-source master=mouth.monitor source_name=mic"
EAR = "module-null-sink sink_name=ear rate=48000 channels=1 norewinds=1"

_NO_CARDS = """
</usr/share/alsa/alsa.conf>
ctl.!hw { type none_such }
"""


class SoundServer:
    """What is said into ``mouth`` reaches the default microphone; ``ear`` is the loudspeaker."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        alsa = folder / "asound.conf"
        alsa.write_text(_ALSA, encoding="utf-8")
        socket = folder / "native"
        self.env = silent_environment(folder) | {
            "PULSE_SERVER": f"unix:{socket}",
            "ALSA_CONFIG_PATH": str(alsa),
        }
        command = ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no"]
        command += ["--exit-idle-time=-1", "--realtime=no", "--high-priority=no"]
        command += ["--disable-shm=yes", "--log-target=stderr", "--log-level=error"]
        protocol = f"module-native-protocol-unix socket={socket} auth-anonymous=1"
        for module in (protocol, MOUTH, MICROPHONE, EAR):
            command.append(f"--load={module}")
        self._log = folder / "pulseaudio.log"
        self._command = command
        self.start()

    def start(self) -> None:
        """Start the server, for the first time or once more after ``close``."""
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(self._command, env=self.env, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while self._control("info", check=False) != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"PulseAudio did not start: {self._log.read_text()}")
            time.sleep(0.05)
        self.default(source="mic", sink="ear")

    def load(self, module: str) -> int:
        """Plug something in; the number to unplug it by."""
        loaded = subprocess.run(
            ["pactl", "load-module", *module.split()], env=self.env, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        return int(loaded.stdout)

    def unload(self, name: str) -> None:
        """Unplug every module of a name and arguments that begin so."""
        listed = subprocess.run(
            ["pactl", "list", "short", "modules"], env=self.env, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        for line in listed.stdout.splitlines():
            number, module, *arguments = line.split("\t")
            if f"{module} {''.join(arguments)}".startswith(name):
                self._control("unload-module", number)

    def say(self, wav: Path) -> None:
        """Play a recording into the microphone; returns when it has been heard."""
        subprocess.run(["paplay", "--device=mouth", str(wav)], env=self.env, check=True)

    @contextmanager
    def record(self, wav: Path) -> Generator[None, None, None]:
        """Record the loudspeaker into a mono 16 kHz WAV for as long as the block runs."""
        command = ["parec", "--device=ear.monitor", "--rate=16000", "--channels=1"]
        command += ["--format=s16le", "--file-format=wav", "--latency-msec=20", str(wav)]
        with subprocess.Popen(command, env=self.env) as recorder:
            try:
                while not wav.exists() or wav.stat().st_size < 4_000:
                    if recorder.poll() is not None:
                        raise RuntimeError(f"parec ended with {recorder.returncode}")
                    time.sleep(0.02)
                yield
                time.sleep(TAIL_S)
            finally:
                recorder.terminate()

    def close(self) -> None:
        """End the server, even a stopped one."""
        self.process.kill()
        self.process.wait()

    def volume(self, sink: str, decibels: float) -> None:
        """Turn a loudspeaker up or down, from 0."""
        self._control("set-sink-volume", sink, f"{decibels:g}dB")

    def default(self, *, source: str | None = None, sink: str | None = None) -> None:
        """Choose what the default microphone or loudspeaker is."""
        if source is not None:
            self._control("set-default-source", source)
        if sink is not None:
            self._control("set-default-sink", sink)

    def _control(self, *words: str, check: bool = True) -> int:
        return subprocess.run(
            ["pactl", *words], env=self.env, check=check, capture_output=True
        ).returncode


def silent_environment(folder: Path) -> dict[str, str]:
    """An environment with a home of its own in which there is no sound device at all."""
    folder.mkdir(parents=True, exist_ok=True)
    alsa = folder / "no-sound.conf"
    alsa.write_text(_NO_CARDS, encoding="utf-8")
    return {
        **os.environ,
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PULSE_RUNTIME_PATH": str(folder),
        "PULSE_SERVER": f"unix:{folder / 'nobody'}",
        "ALSA_CONFIG_PATH": str(alsa),
        "OMP_NUM_THREADS": "1",
    }


def synthesise(text: str, wav: Path, *, lead_s: float = 0.0, tail_s: float = 0.0) -> Path:
    """Write a sentence spoken by espeak-ng, with silence before and after it."""
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "150", "-w", str(wav), text], check=True)
    speech, rate = soundfile.read(wav, dtype="int16")
    soundfile.write(wav, np.pad(speech, (round(lead_s * rate), round(tail_s * rate))), rate)
    return wav


def similarity(heard: np.ndarray, said: np.ndarray) -> float:
    """Highest normalised correlation of one sound, shape (n_samples,), within another; 1: equal."""
    return float(_correlation(heard, said).max())


def position(heard: np.ndarray, said: np.ndarray) -> int:
    """At which sample of ``heard`` the sound ``said`` lies best."""
    return int(_correlation(heard, said).argmax()) - said.shape[0] + 1


def _correlation(heard: np.ndarray, said: np.ndarray) -> np.ndarray:
    size = heard.shape[0] + said.shape[0] - 1
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.fft.rfft(said[::-1], size), size)
    sums = np.cumsum(np.pad(heard.astype(np.float64), (said.shape[0], said.shape[0] - 1)) ** 2)
    energy = sums[said.shape[0] :] - sums[:size]
    return product / np.sqrt(np.maximum(energy * np.sum(said.astype(np.float64) ** 2), 1e-9))
