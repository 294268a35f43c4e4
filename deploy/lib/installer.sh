# shellcheck shell=bash
# The installer of every board; deploy/<board>/install.sh sets what is special about its board:
#   board, board_machine, board_hint its name, processor (as uname has it), the system it needs
#   board_model                      what its device tree calls it, if it has one
#   runs_as                          "service" of the system, or of each "user" of a desktop
#   torch_index, torch_wanted        where torch comes from, and which (PINNED: as in constraints.txt)
#   llama_options, nvcc              how llama.cpp is built, and the CUDA compiler if it takes one
#   mb_per_compiler                  free memory that one compiler may take
#   here                             its own folder
#
# Laid out so that going back is one link:
#   /opt/attune/releases/VERSION+HASH/venv     Attune with its packages
#   /opt/attune/releases/VERSION+HASH/system   what this release puts into /etc
#   /opt/attune/current, previous              links to releases

# shellcheck disable=SC2154  # set by the board's install.sh

readonly base=/opt/attune
# shellcheck source-path=SCRIPTDIR source=release.sh
source "${BASH_SOURCE[0]%/*}/release.sh"
# shellcheck source-path=SCRIPTDIR source=placing.sh
source "${BASH_SOURCE[0]%/*}/placing.sh"

usage() {
  cat <<END
Installs Attune on a $board with $board_hint.

  sudo $0               install, or upgrade to this checkout
  sudo $0 --roll-back   go back to the release before; again: forward
  sudo $0 --uninstall   remove everything but the data (of a service: with --purge-data, too)

  --dry-run            say what would be done and change nothing
  --root DIR           work on the system below DIR, an image for instance
  --wheels DIR         take Attune and all its packages from this folder; no index is asked
  --files-only         no system packages and no Python: prepare the rest for an image
  --torch-index URL    take torch from there
  --board-check=skip   do not look whether this is a $board
END
}

say() { printf '[install] %s\n' "$*"; }

stop() {
  printf '[install] %s\n' "$*" >&2
  exit 1
}

# Everything that changes something goes through here.
act() {
  changed=true
  if $dry_run; then
    printf '[would run]'
    printf ' %q' "$@"
    printf '\n'
  else
    "$@"
  fi
}

# The same inside the system that is worked on.
enter() { if [[ -n $root ]]; then act chroot "$root" "$@"; else act "$@"; fi; }

# Asks that system something, also in a dry run.
query() { if [[ -n $root ]]; then chroot "$root" "$@"; else "$@"; fi; }

has() { command -v "$1" >/dev/null; }

pinned() { sed -n "s/^$1==//p" "$checkout/constraints.txt"; }

# What the settings ask for beyond the base, as pyproject.toml calls it: "button,piper".
extras() {
  local wished=()
  asks "^ *barge_in *= *[\"']cancel" && wished+=(barge-in)
  has_button && wished+=(button)
  asks "^ *mqtt *= *[\"']mqtt" && wished+=(mqtt)
  asks "^ *engine *= *[\"']piper" && wished+=(piper)
  asks "^ *wake_word *= *[\"'](alexa|hey|okay) ?" && wished+=(wake)
  asks '^ *announce *= *true' && wished+=(zeroconf)
  (IFS=, && echo "${wished[*]}")
}

# Whether the settings have a push button, on a board that Attune can read one of.
has_button() { [[ -e $here/button.conf ]] && asks '^ *button_gpio *= *[0-9]'; }

asks() { grep -Eqs "$1" "$root/etc/attune/attune.toml"; }

systemd_runs() { [[ -z $root && -d /run/systemd/system ]]; }

# --- Does it fit here? --------------------------------------------------------------------------

check_board() {
  [[ $board_check != skip ]] || return 0
  local again="or name --board-check=skip if you know better"
  [[ $(uname -m) == "$board_machine" ]] ||
    stop "This machine is $(uname -m), a $board is $board_machine. Run this on a $board, $again."
  [[ -n $board_model ]] || return 0
  local model=/proc/device-tree/model
  grep -Eqs "$board_model" $model ||
    stop "This is not a $board, says $model. Take the installer of your board, $again."
}

check_rights() {
  $files_only || ((EUID == 0)) || { $dry_run && [[ -z $root ]]; } ||
    stop "This changes the system. Run it with sudo."
  [[ -z $root || -d $root ]] || stop "There is no folder $root. Make it, or name another --root."
  $files_only || [[ -z $root || -x $root/usr/bin/env ]] ||
    stop "$root holds no system to install Python in. Name --files-only, or another --root."
  [[ -z $wheels || -d $wheels ]] || stop "There is no folder $wheels. Name another for --wheels."
}

find_python() {
  local name
  for name in python3 python3.13 python3.12 python3.11 python3.10; do
    if query "$name" -I -c \
      'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  stop "Attune needs Python 3.10 to 3.13. Install $board_hint, which brings one."
}

check_cuda() {
  [[ -z $nvcc || -n $wheels || -x $root$nvcc ]] || stop "There is no CUDA compiler $nvcc." \
    "Run 'sudo apt-get install nvidia-jetpack', then this again."
}

# --- System packages ----------------------------------------------------------------------------

install_packages() {
  local wanted=(espeak-ng libportaudio2 alsa-utils python3-venv) missing=() name state
  [[ -n $wheels ]] || wanted+=(g++)
  # lgpio has no wheel for every Python.
  [[ -n $wheels ]] || ! has_button || wanted+=(python3-dev swig)
  for name in "${wanted[@]}"; do
    # shellcheck disable=SC2016  # dpkg's variable
    state=$(query dpkg-query -W -f='${db:Status-Abbrev}' "$name" 2>/dev/null || true)
    [[ $state == ii* ]] || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  say "system packages: ${missing[*]}"
  enter apt-get -qq update
  enter env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
    --no-remove -o DPkg::Lock::Timeout=120 "${missing[@]}"
  # Written down for the day they are no longer needed.
  act mkdir -p "$root$base/packages"
  act touch "${missing[@]/#/$root$base/packages/}"
}

# --- What can be asked for ----------------------------------------------------------------------

install_attune() {
  check_board
  check_rights
  if ! $files_only; then
    check_cuda
    python=$(find_python)
  fi
  release=$base/releases/$(release_name)
  $files_only || install_packages
  make_release
  $files_only || add_extras
  activate
  prune
  if $changed && $dry_run; then
    say "dry run: nothing was changed"
  elif $changed; then
    say "done: ${release##*/}"
    [[ $runs_as == service ]] || tell_users
  else
    say "nothing to do: ${release##*/} is installed"
  fi
}

tell_users() {
  say "to switch it on, as yourself: systemctl --user enable --now attune"
  say "where it runs already: systemctl --user daemon-reload, then systemctl --user restart attune"
}

roll_back() {
  check_rights
  release=$(linked previous)
  [[ -n $release && -d $root$release ]] ||
    stop "There is no release before this one. Check out an older version and install that."
  activate
  say "in use: ${release##*/}"
  [[ $runs_as == service ]] || tell_users
}

uninstall() {
  local release target source link user settings=$root/etc/attune/attune.toml kept=true
  check_rights
  [[ $data == keep || $runs_as == service ]] ||
    stop "The data are those of the users. Each erases them with 'assistant forget-me' before this."
  if [[ ! -d $root$base && $data == keep ]]; then
    say "nothing to do: Attune is not installed"
    return
  fi
  if systemd_runs && [[ -e /etc/systemd/system/attune.service ]]; then
    # An older release has none.
    [[ ! -e /etc/systemd/system/attune-wyoming.socket ]] ||
      act systemctl disable --now attune-wyoming.socket
    act systemctl disable --now attune.service attune-{web,home,wyoming}.service
  fi
  for release in "$(linked current)" "$(linked previous)"; do
    [[ -n $release ]] || continue
    cmp -s "$root$release/attune.toml" "$settings" && kept=false
    while read -r target source; do
      if [[ $target == */system/attune.service && -e $source ]]; then
        while read -r link; do
          [[ ! -L $link ]] || act rm "$link"
        done < <(wanted_links "$source")
      fi
      [[ ! -e $root/$target ]] || take_away "$target"
    done < <(offered "$release")
  done
  [[ ! -e $root/$button_unit ]] || take_away "$button_unit"
  if [[ -e $settings ]]; then
    # Root writes nothing where the service's user may put links, so they stay where they are.
    if $kept && [[ $data == keep ]]; then
      say "settings that you have written stay as /etc/attune/attune.toml"
    else
      act rm "$settings"
      act rmdir --ignore-fail-on-non-empty "$root/etc/attune"
    fi
  fi
  [[ $(readlink "$root/usr/local/bin/assistant") != "$base"/* ]] ||
    act rm "$root/usr/local/bin/assistant"
  if systemd_runs; then
    act systemctl daemon-reload
    act udevadm control --reload
  fi
  give_up_packages
  act rm -rf "$root$base" "$root"/{run,var/cache,var/log}/attune \
    "$root"/var/lib/attune-{web,home}
  for user in attune-web attune-home attune-wyoming; do
    if ! $files_only && query getent passwd "$user" >/dev/null; then
      enter userdel "$user"
    fi
  done
  if [[ $data == purge ]]; then
    act rm -rf "$root/var/lib/attune"
    if ! $files_only && query getent passwd attune >/dev/null; then
      enter userdel attune
    fi
    if ! $files_only && query getent group attune >/dev/null; then
      enter groupdel attune
    fi
    say "removed, and the data with it"
  elif [[ $runs_as == user ]]; then
    say "removed; the data stay with the users, in ~/.local/share/attune"
    say "who has switched it on: systemctl --user disable --now attune"
  else
    say "removed; your data stays in /var/lib/attune, and the user attune, who owns it"
  fi
}

# Another program may have come to need them by now, so it is left to apt to say which can go.
give_up_packages() {
  local folder=$root$base/packages
  [[ -d $folder ]] && ! $files_only || return 0
  # shellcheck disable=SC2046  # names of packages
  enter apt-mark auto $(ls "$folder")
  say "'sudo apt-get autoremove' takes away the system packages that came with it"
}

# Reads the words, then does what they say.
main() {
  local job=install_attune data=keep dry_run=false files_only=false changed=false unsettled=false
  local root='' wheels='' board_check=look python='' release checkout
  local torch_source=$torch_index
  while (($#)); do
    case $1 in
      --roll-back) job=roll_back ;;
      --uninstall) job=uninstall ;;
      --purge-data) data=purge ;;
      --dry-run) dry_run=true ;;
      --files-only) files_only=true ;;
      --root | --wheels | --torch-index | --board-check)
        (($# > 1)) || stop "$1 needs a value. $0 --help tells more."
        set -- "$1=$2" "${@:3}"
        continue
        ;;
      --root=*) root=$(realpath -m "${1#*=}") ;;
      --wheels=*) wheels=$(realpath -m "${1#*=}") ;;
      --torch-index=*) torch_source=${1#*=} ;;
      --board-check=skip) board_check=skip ;;
      --help)
        usage
        return
        ;;
      *) stop "Unknown option $1. $0 --help lists what there is." ;;
    esac
    shift
  done
  [[ $data == keep || $job == uninstall ]] || stop "--purge-data belongs to --uninstall."
  [[ $root != / ]] || root=''
  checkout=$(cd "$here/../.." && pwd)
  [[ ! -e $root$base/.unsettled ]] || unsettled=true
  umask 022
  "$job"
}
