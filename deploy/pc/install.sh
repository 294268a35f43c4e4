#!/usr/bin/env bash
# Installs Attune on a PC, for the users of its desktop; what it can do: deploy/pc/install.sh --help
set -euo pipefail

# shellcheck disable=SC2034  # read by the installer
{
  readonly board='PC'
  readonly board_machine=x86_64
  readonly board_model=''
  readonly board_hint='Debian 12 or 13, or Ubuntu 22.04 or newer'
  readonly runs_as=user # the sound server of a desktop belongs to whoever is logged in
  # The default index's torch brings several GB of CUDA.
  readonly torch_index=https://download.pytorch.org/whl/cpu
  readonly torch_wanted=torch==PINNED+cpu
  readonly llama_options='' # for the processor it is compiled on
  readonly nvcc=''
  readonly mb_per_compiler=1500
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
# shellcheck source-path=SCRIPTDIR source=../lib/installer.sh
source "$here/../lib/installer.sh"
main "$@"
