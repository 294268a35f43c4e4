# shellcheck shell=bash
# Which release is in use, and what of it is in the system. Read by installer.sh.
# shellcheck disable=SC2154  # set by the board's install.sh and by main

# Lets the service at the button; not a release's, as it comes and goes with the settings.
readonly button_unit=etc/systemd/system/attune.service.d/button.conf

linked() { readlink "$root$base/$1" || true; }

# Notes that the services have to be told, until they have been.
unsettle() {
  $unsettled || act touch "$root$base/.unsettled"
  unsettled=true
}

# Points a link somewhere else at once, so that there is never none.
point() {
  [[ $(linked "$1") != "$2" ]] || return 0
  unsettle
  act ln -sfn "$2" "$root$base/.$1"
  act mv -T "$root$base/.$1" "$root$base/$1"
}

offers() { offered "$1" | awk -v wanted="$2" '$1 == wanted { found = 1 } END { exit !found }'; }

# Removes a file, and its folder where that may have come with it: no package of Debian's has it.
take_away() {
  local folder=$root/${1%/*}
  act rm "$root/$1"
  case ${folder##*/} in
    attune* | sysusers.d) act rmdir --ignore-fail-on-non-empty "$folder" ;;
  esac
}

# Puts into /etc what a release wants there, and takes away what only the one before wanted.
place_files() {
  local before=$1 target source
  while read -r target source; do
    if ! cmp -s "$source" "$root/$target"; then
      unsettle
      act install -D -m 0644 "$source" "$root/$target"
    fi
  done < <(offered "$release")
  [[ -n $before ]] || return 0
  while read -r target source; do
    if [[ -e $root/$target ]] && ! offers "$release" "$target"; then
      unsettle
      take_away "$target"
    fi
  done < <(offered "$before")
}

place_button() {
  if has_button; then
    cmp -s "$here/button.conf" "$root/$button_unit" || {
      unsettle
      act install -D -m 0644 "$here/button.conf" "$root/$button_unit"
    }
  elif [[ -e $root/$button_unit ]]; then
    unsettle
    take_away "$button_unit"
  fi
}

# The board's profile becomes the settings, unless somebody has written others.
place_settings() {
  local before=$1 profile=$root$release/attune.toml settings=$root/etc/attune/attune.toml mode=0640
  [[ $runs_as == service ]] || mode=0644
  [[ -e $profile ]] || profile=$here/attune.toml
  if [[ ! -e $settings ]] ||
    { [[ -n $before ]] && cmp -s "$root$before/attune.toml" "$settings"; }; then
    # tmpfiles.d gives them to the service's group, once there is one.
    cmp -s "$profile" "$settings" || act install -D -m "$mode" "$profile" "$settings"
  fi
}

place_command() {
  local link=$root/usr/local/bin/assistant target=$base/current/venv/bin/assistant
  [[ $(readlink "$link") != "$target" ]] || return 0
  [[ ! -e $link ]] || stop "$link is not Attune's. Move it away, then run this again."
  act mkdir -p "${link%/*}"
  act ln -sfn "$target" "$link"
}

# What 'systemctl enable' links; done by hand where no systemd runs.
wanted_links() {
  sed -n 's/^WantedBy=//p' "$1" | tr ' ' '\n' |
    sed "s|.*|$root/etc/systemd/system/&.wants/attune.service|"
}

# Makes the user and the folders, and lets systemd and udev see what is new.
settle() {
  local link unit=/etc/systemd/system/attune.service
  $unsettled || return 0
  if [[ $runs_as == user ]]; then
    ! systemd_runs || act udevadm control --reload
    act rm -f "$root$base/.unsettled"
    return
  fi
  if ! $files_only && query sh -c 'command -v systemd-sysusers' >/dev/null; then
    enter systemd-sysusers /etc/sysusers.d/attune.conf
    enter systemd-tmpfiles --create /etc/tmpfiles.d/attune.conf
  fi
  if systemd_runs; then
    act systemctl daemon-reload
    act udevadm control --reload
    # Once only: somebody may have good reasons to switch it off.
    [[ -e $base/.enabled ]] || act systemctl enable attune.service
    act systemctl try-restart attune.service attune-{web,home,wyoming}.service
    [[ -e $base/.enabled ]] || act systemctl start attune.service
  elif [[ ! -e $root$base/.enabled ]]; then
    while read -r link; do
      act mkdir -p "${link%/*}"
      act ln -sfn "$unit" "$link"
    done < <(wanted_links "$(offered "$release" | sed -n "s|^${unit#/} ||p")")
  fi
  [[ -e $root$base/.enabled ]] || act touch "$root$base/.enabled"
  act rm -f "$root$base/.unsettled"
}

activate() {
  local before
  before=$(linked current)
  place_files "$before"
  place_settings "$before"
  place_button
  place_command
  if [[ -n $before && $before != "$release" ]]; then
    point previous "$before"
  fi
  point current "$release"
  settle
}

# Releases that no link leads to.
prune() {
  local folder
  for folder in "$root$base"/releases/*/; do
    folder=${folder#"$root"}
    folder=${folder%/}
    [[ $folder == "$release" || $folder == "$(linked previous)" || ! -d $root$folder ]] ||
      act rm -rf "$root$folder"
  done
}

