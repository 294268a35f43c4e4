# shellcheck shell=bash
# A release: its name, its files, its virtual environment. Read by installer.sh.
# shellcheck disable=SC2154  # set by the board's install.sh and by main

# What goes where in the system, and where in the checkout it is.
places() {
  local file
  for file in "$checkout"/systemd/user/*; do
    echo "etc/systemd/user/${file##*/} systemd/user/${file##*/}"
  done
  echo "etc/udev/rules.d/70-attune-sound.rules deploy/lib/70-attune-sound.rules"
  [[ $runs_as == service ]] || return 0
  echo "etc/sysusers.d/attune.conf systemd/attune.sysusers"
  echo "etc/tmpfiles.d/attune.conf systemd/attune.tmpfiles"
  # All units, and of what is added to them only what is named after this board.
  for file in "$checkout"/systemd/*.{service,socket,slice} "$checkout"/systemd/*.d/"${here##*/}.conf"; do
    file=${file#"$checkout/systemd/"}
    [[ ! -f $checkout/systemd/$file ]] || echo "etc/systemd/system/$file systemd/$file"
  done
}

# The files that a release puts into the system, and where; of the checkout while it is not made.
offered() {
  if [[ -e $root$1/.complete ]]; then
    find "$root$1/system" -type f -printf '%P %p\n'
  else
    local target source
    while read -r target source; do
      echo "$target $checkout/$source"
    done < <(places)
  fi
}

# Version and a hash of all that goes into a release, so that the same checkout is the same release.
release_name() {
  local version hash parts=(systemd deploy/lib "$here" README.md pyproject.toml)
  parts+=(constraints.txt hashes.txt)
  [[ -n $wheels ]] || parts+=(assistant models/starter models/catalog.toml)
  version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$checkout/pyproject.toml")
  hash=$(
    cd "$checkout" || exit
    {
      find "${parts[@]}" -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z |
        xargs -0 cat | sha256sum
      [[ -z $python ]] || query "$python" --version
      echo "$files_only $torch_source $torch_wanted $llama_options"
      [[ -z $wheels ]] || (cd "$wheels" && LC_ALL=C ls && cat attune-*.whl) | sha256sum
    } | sha256sum
  )
  echo "$version+${hash:0:8}"
}

# One compiler per share of free memory: small boards have run out of it here.
compilers() {
  local by_memory
  by_memory=$(awk -v mb="$mb_per_compiler" '/^MemAvailable:/ { print int($2 / 1024 / mb) }' \
    /proc/meminfo)
  echo $((by_memory < 1 ? 1 : by_memory < $(nproc) ? by_memory : $(nproc)))
}

# pip inside the release, with a build folder on the card: /tmp is memory on many systems.
# PYPI has lgpio bring the library that it is made of.
pip_run() {
  enter env TMPDIR="$release/tmp" CMAKE_ARGS="$llama_options" ${nvcc:+CUDACXX="$nvcc"} \
    CMAKE_BUILD_PARALLEL_LEVEL="$(compilers)" PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore PYPI=1 "$release/venv/bin/python" -I -m pip "$@"
}

pip_install() { pip_run install "$@"; }

# Where the system that is worked on finds the packages, copied below its root if need be.
reach_wheels() {
  within=$wheels
  [[ -n $wheels && -n $root ]] || return 0
  act cp -r "$wheels" "$root$release/wheels"
  within=$release/wheels
}

# What the settings ask for beside, also when they do so later: a release is not made anew for it.
add_extras() {
  local wanted within source=()
  wanted=$(extras)
  [[ -n $wanted && $(cat "$root$release/.extras" 2>/dev/null) != "$wanted" ]] || return 0
  say "packages that the settings ask for: $wanted"
  act mkdir -p "$root$release/tmp"
  reach_wheels
  if [[ -n $wheels ]]; then
    source=(--no-index --find-links "$within" --constraint "$release/constraints.txt")
  else
    source=(--require-hashes --constraint "$release/hashes.txt" --build-constraint
      "$release/hashes.txt")
  fi
  pip_install "${source[@]}" "attune[$wanted]"
  act rm -rf "$root$release/tmp" "$root$release/wheels"
  act sh -c 'echo "$1" >"$2"' - "$wanted" "$root$release/.extras"
  unsettle
}

make_venv() {
  local within
  say "Python packages"
  act mkdir -p "$root$release/tmp"
  # Whichever torch came first is the one to stay.
  act cp "$checkout/constraints.txt" "$checkout/hashes.txt" "$root$release/"
  act sed -i '/^torch==/d' "$root$release/constraints.txt"
  enter "$python" -I -m venv --clear "$release/venv"
  if [[ -n $wheels ]]; then
    reach_wheels
    pip_install --no-index --find-links "$within" --constraint "$release/constraints.txt" attune
  else
    install_from_index
  fi
  act rm -rf "$root$release/source" "$root$release/tmp" "$root$release/wheels"
  enter "$release/venv/bin/python" -I -c 'import assistant, llama_cpp, sounddevice, soundfile, torch'
}

# Every file has to have a hash that hashes.txt gives, also what others are compiled with; but for a
# torch that nobody named the version of.
install_from_index() {
  local part source=$release/source known wheel
  known=(--constraint "$release/hashes.txt" --build-constraint "$release/hashes.txt")
  act mkdir -p "$root$source/models"
  for part in pyproject.toml README.md LICENSE assistant; do
    act cp -r "$checkout/$part" "$root$source/"
  done
  act cp -r "$checkout/models/starter" "$checkout/models/catalog.toml" "$root$source/models/"
  act sed -n "/^pip==/,/[^\\\\]\$/w $root$release/tmp/pip.txt" "$root$release/hashes.txt"
  pip_install --require-hashes --requirement "$release/tmp/pip.txt"
  say "torch from $torch_source"
  if [[ $torch_wanted == *PINNED* ]]; then
    pip_install --require-hashes "${known[@]}" --no-deps --index-url "$torch_source" \
      "${torch_wanted/PINNED/$(pinned torch)}"
  else
    pip_install --no-deps --index-url "$torch_source" "$torch_wanted"
    act sed -i '/^torch==/,/[^\\]$/d' "$root$release/hashes.txt"
  fi
  say "llama.cpp is compiled now, which takes 10 to 40 minutes"
  pip_install --no-cache-dir --require-hashes "${known[@]}" \
    "llama-cpp-python==$(pinned llama-cpp-python)"
  # A folder has no hash, so Attune goes in as a wheel; in a dry run there is none.
  pip_run wheel --no-deps --build-constraint "$release/hashes.txt" \
    --wheel-dir "$release/tmp/wheel" "$source"
  wheel=$(cd "$root$release/tmp/wheel" 2>/dev/null && sha256sum attune-*.whl || echo HASH WHEEL)
  pip_install --require-hashes "${known[@]}" \
    "attune @ file://$release/tmp/wheel/${wheel##* }#sha256=${wheel%% *}"
}

make_release() {
  local target source
  [[ ! -e $root$release/.complete ]] || return 0
  say "release ${release##*/}"
  act rm -rf "$root$release"
  act mkdir -p "$root$release"
  while read -r target source; do
    act install -D -m 0644 "$source" "$root$release/system/$target"
  done < <(offered "$release")
  act install -m 0644 "$here/attune.toml" "$checkout/README.md" "$root$release/"
  $files_only || make_venv
  act touch "$root$release/.complete"
}

