#!/usr/bin/env bash
# Installs Attune on a Raspberry Pi 5; what it can do: deploy/rpi5/install.sh --help
set -euo pipefail

# shellcheck disable=SC2034  # read by the installer
{
  readonly board='Raspberry Pi 5'
  readonly board_machine=aarch64
  readonly board_model='Raspberry Pi (5|500|Compute Module 5)'
  readonly board_hint='Raspberry Pi OS (64-bit), bookworm or trixie'
  readonly runs_as=service
  # The default index's torch brings several GB of CUDA to aarch64, too.
  readonly torch_index=https://download.pytorch.org/whl/cpu
  readonly torch_wanted=torch==PINNED+cpu
  # Named rather than native: the same on every Pi 5, also when an image is built elsewhere.
  readonly llama_options='-DGGML_NATIVE=OFF -DGGML_CPU_ARM_ARCH=armv8.2-a+fp16+dotprod'
  readonly nvcc=''
  readonly mb_per_compiler=1500
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
# shellcheck source-path=SCRIPTDIR source=../lib/installer.sh
source "$here/../lib/installer.sh"
main "$@"
