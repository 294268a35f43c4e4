#!/usr/bin/env bash
# Everything between a fresh Debian or Ubuntu machine and a working virtual environment: system
# packages, the CPU build of torch, llama.cpp compiled for this processor, Attune itself. Can be
# broken off and run again at any time; does nothing when nothing has changed.
#
#   deploy/setup.sh --for run|test|check
#
#   PYTHON       the Python to use, by default the first of python3, python3.13 … python3.10 that fits
#   TORCH_INDEX  package index to take torch from as it comes, for instance NVIDIA's for a Jetson
#   CMAKE_ARGS   options for the llama.cpp build, for instance -DGGML_CUDA=on
#
# These are heeded when the environment is made; 'make clean' first to choose anew.
set -euo pipefail

readonly venv=.venv
readonly log=$venv/setup.log
# A file of constraints may give hashes, of which a package has to have one. Not --require-hashes:
# that refuses folders, and would compile llama.cpp in every checkout anew, past pip's cache.
readonly hashed=(--no-require-hashes --build-constraint hashes.txt)
readonly torch_cpu_index=https://download.pytorch.org/whl/cpu

say() { printf '[set-up] %s\n' "$*"; }

stop() {
  printf '[set-up] %s\n' "$*" >&2
  exit 1
}

# What to install, as one requirement, for each purpose.
requirement_for() {
  case $1 in
    run) echo . ;;
    test) echo ".[$1]" ;;
    check) echo ".[dev]" ;;
    *) stop "Unknown purpose '$1'; usage: deploy/setup.sh --for run|test|check" ;;
  esac
}

pinned() { sed -n "s/^$1==//p" constraints.txt; }

# A package's lines in hashes.txt.
hashes_of() { sed -n "/^$1==/,/[^\\\\]\$/p" hashes.txt; }

# --- Is there anything to do? -------------------------------------------------------------------

digest() { { cat pyproject.toml constraints.txt hashes.txt deploy/setup.sh && pwd; } | sha256sum; }

stamp_of() { echo "$venv/.ready-for-$1"; }

# A set-up for checks or tests is also one for running.
ready_for() {
  local covering
  for covering in "$1" check $([[ $1 == run ]] && echo test); do
    [[ -f $(stamp_of "$covering") && $(<"$(stamp_of "$covering")") == "$(digest)" ]] && return
  done
  return 1
}

# --- Python and system packages -----------------------------------------------------------------

fits() {
  "$1" -I -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
  local candidate candidates=(python3 python3.13 python3.12 python3.11 python3.10)
  [[ -z ${PYTHON:-} ]] || candidates=("$PYTHON")
  for candidate in "${candidates[@]}"; do
    if fits "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  stop "Attune needs Python 3.10 to 3.13 and found none as ${PYTHON:-python3}." \
    "Install one, then: make run PYTHON=/path/to/python3"
}

has() { command -v "$1" >/dev/null; }

# The Debian packages that PURPOSE needs and this machine lacks; tested by what they bring, so
# that it does not matter how that came here.
missing_packages() {
  local purpose=$1 python=$2
  has espeak-ng || echo espeak-ng
  "$python" -I -c 'from ctypes.util import find_library; assert find_library("portaudio")' \
    2>/dev/null || echo libportaudio2
  "$python" -I -c 'import ensurepip, venv' 2>/dev/null ||
    "$python" -I -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
  has c++ || has g++ || has clang++ || echo g++
  if [[ $purpose == test || $purpose == check ]]; then
    has pulseaudio || echo pulseaudio
    { has pactl && has paplay && has parec; } || echo pulseaudio-utils
    compgen -G '/usr/lib*/*/alsa-lib/libasound_module_pcm_pulse.so' >/dev/null ||
      compgen -G '/usr/lib*/alsa-lib/libasound_module_pcm_pulse.so' >/dev/null ||
      echo libasound2-plugins
    { has systemd-analyze && has systemd-socket-activate && has systemd-sysusers; } ||
      echo systemd
    [[ -x /bin/kill ]] || echo procps # which the units name
    # A broker that is told of what happens. Those on PyPI bring a dozen packages of their own.
    { has mosquitto || [[ -x /usr/sbin/mosquitto ]]; } && has mosquitto_passwd || echo mosquitto
    has openssl || echo openssl # makes certificates that nobody trusts
    # The page is tried in a real browser where apt has one; Ubuntu's is a snap.
    has chromium || has google-chrome ||
      [[ $(. /etc/os-release && echo "$ID") != debian ]] || echo chromium
  fi
}

install_packages() {
  has apt-get || stop "Missing: $* (as Debian calls them)." \
    "Install them with this system's package manager, then run make again."
  local as_root=()
  if ((EUID != 0)); then
    { has sudo && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; } ||
      stop "Missing: $*. Ask an administrator to run 'apt-get install $*', then run make again."
    as_root=(sudo)
  fi
  say "system packages: $*"
  "${as_root[@]}" apt-get -qq update ||
    say "apt-get update failed; going on with the package lists there are"
  # --no-remove: a desktop's own sound server must not be thrown out for the tests.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes \
    --no-install-recommends --no-remove -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" \
    >/dev/null || stop "apt-get could not install: $*. Install them by hand, then run make again."
  # Debian switches a broker on that is only to be there for the tests.
  if [[ " $* " == *" mosquitto "* ]] && has systemctl; then
    "${as_root[@]}" systemctl --quiet disable --now mosquitto 2>/dev/null || true
  fi
}

# --- Python packages ----------------------------------------------------------------------------

# Copies pip's output to the log and, every 15 seconds, says how far it is.
progress() {
  local line status doing='' told=$SECONDS
  while true; do
    status=0
    IFS= read -r -t 15 line || status=$?
    if ((status == 0)); then
      printf '%s\n' "$line" >>"$log"
      if [[ $line == *'Running command Building wheel for llama'* ]]; then
        say "compiling llama.cpp: about 6 minutes on 2 cores, once on this machine"
      elif [[ $line =~ \[\ *([0-9]+/[0-9]+|[0-9]+%)\] ]]; then
        doing="compiling llama.cpp, ${BASH_REMATCH[1]}"
      elif [[ $line =~ ^\ *Downloading\ (.*) ]]; then
        doing="downloading ${BASH_REMATCH[1]}"
      elif [[ $line == 'Installing collected packages:'* ]]; then
        doing=unpacking
      fi
    elif ((status <= 128)); then # not a timeout: the end
      return 0
    fi
    if [[ -n $doing ]] && ((SECONDS - told >= 15)); then
      say "  $doing ($((SECONDS / 60)) min $((SECONDS % 60)) s)"
      told=$SECONDS
    fi
  done
}

pip_install() {
  "$venv/bin/python" -I -m pip install --verbose --no-input --disable-pip-version-check "$@" 2>&1 |
    progress
}

or_stop() {
  "$@" && return
  tail -n 15 "$log" >&2
  stop "That failed; all of it is in $log. Mend the cause and run make again, it goes on from here."
}

# The version of a package, nothing where it is missing. INSTALLER is the last thing that pip
# writes, so a package broken off half-way counts as missing.
installed() {
  "$venv/bin/python" -I -c '
import sys
from importlib.metadata import distributions
for package in distributions(name=sys.argv[1]):
    if package.read_text("INSTALLER"):
        print(package.version)' "$1"
}

make_venv() {
  if ! { fits "$venv/bin/python" && "$venv/bin/python" -I -m pip --version >/dev/null 2>&1; }; then
    say "virtual environment: $venv with $("$1" --version)"
    "$1" -I -m venv --clear "$venv"
  fi
  : >"$log"
  # /tmp is memory on many systems, and the llama.cpp build needs both.
  export TMPDIR=$PWD/$venv/tmp
  mkdir -p "$TMPDIR"
  [[ $(installed pip) == "$(pinned pip)" ]] || {
    hashes_of pip >"$venv/pip.txt"
    or_stop pip_install --require-hashes --requirement "$venv/pip.txt"
  }
}

# torch on the default index brings several GB of CUDA, and does not load without them.
install_torch() {
  local wanted have
  wanted=$(pinned torch)+cpu
  have=$(installed torch)
  if [[ -n $have && $have != *+cpu ]]; then
    say "keeping torch $have, which was chosen with TORCH_INDEX"
  elif [[ -n ${TORCH_INDEX:-} ]]; then
    say "torch from $TORCH_INDEX"
    or_stop pip_install --no-deps --force-reinstall --index-url "$TORCH_INDEX" 'torch>=2.6'
  elif [[ $have == "$wanted" ]]; then
    return
  else
    [[ ! -e /etc/nv_tegra_release ]] ||
      say "this is a Jetson: to use its GPU, run make with TORCH_INDEX=NVIDIA's index for its JetPack"
    say "torch $wanted (200 MB)"
    # First wherever pip is set to look, a mirror or a folder of wheels perhaps.
    pip_install --no-deps --constraint hashes.txt "torch==$wanted" ||
      pip_install --no-deps --constraint hashes.txt --index-url "$torch_cpu_index" \
        "torch==$wanted" ||
      stop "No CPU build of torch $(pinned torch) here or at $torch_cpu_index (see $log)." \
        "Make that address reachable, or name a mirror of it: make run TORCH_INDEX=…"
  fi
}

# One compiler per 1.5 GB of free memory: small boards have run out of it here.
compilers() {
  local by_memory
  by_memory=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo)
  echo $((by_memory < 1 ? 1 : by_memory < $(nproc) ? by_memory : $(nproc)))
}

install_llama() {
  local wanted
  wanted=$(pinned llama-cpp-python)
  [[ $(installed llama-cpp-python) != "$wanted" ]] || return 0
  say "llama.cpp (llama-cpp-python $wanted)"
  local afresh=()
  # pip's cache does not know which options a wheel was built with.
  [[ -z ${CMAKE_ARGS:-} ]] || afresh=(--no-cache-dir)
  CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(compilers)} \
    or_stop pip_install "${afresh[@]}" "${hashed[@]}" --constraint hashes.txt \
    "llama-cpp-python==$wanted"
}

install_attune() {
  say "Attune and its libraries"
  # Whichever build of torch came is the one to stay.
  { sed '/^torch==/,/[^\\]$/d' hashes.txt && echo "torch==$(installed torch)"; } \
    >"$venv/constraints.txt"
  or_stop pip_install "${hashed[@]}" --constraint "$venv/constraints.txt" --editable "$1"
}

verify() {
  "$venv/bin/python" -I -c 'import llama_cpp, sounddevice, soundfile, torch' ||
    stop "The libraries are installed but do not load (above). 'make clean', then run make again."
}

main() {
  [[ $# == 2 && $1 == --for ]] || stop "usage: deploy/setup.sh --for run|test|check"
  local purpose=$2 requirement python missing
  requirement=$(requirement_for "$purpose")
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  if ready_for "$purpose"; then
    return
  fi
  trap 'stop "broken off; run make again to go on from here"' INT TERM
  python=$(find_python)
  mapfile -t missing < <(missing_packages "$purpose" "$python")
  ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
  make_venv "$python"
  install_torch
  install_llama
  install_attune "$requirement"
  verify
  rm -rf "$TMPDIR"
  digest >"$(stamp_of "$purpose")"
  say "done"
}

main "$@"
