#!/usr/bin/env bash
# Installs Attune on a Jetson Orin; what it can do: deploy/jetson/install.sh --help
set -euo pipefail

# shellcheck disable=SC2034  # read by the installer
{
  readonly board='Jetson Orin'
  readonly board_machine=aarch64
  readonly board_model='Orin'
  readonly board_hint='JetPack 6'
  readonly runs_as=service
  readonly torch_index=https://pypi.jetson-ai-lab.io/jp6/cu126/+simple/
  readonly torch_wanted='torch>=2.6'
  # 8.7 is Orin's GPU; the processor's features are named so that every Orin gets the same build.
  readonly llama_options='-DGGML_CUDA=on -DCMAKE_CUDA_ARCHITECTURES=87 -DGGML_NATIVE=OFF -DGGML_CPU_ARM_ARCH=armv8.2-a+fp16+dotprod'
  readonly nvcc=/usr/local/cuda/bin/nvcc
  readonly mb_per_compiler=2500 # nvcc takes more than a C++ compiler
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
# shellcheck source-path=SCRIPTDIR source=../lib/installer.sh
source "$here/../lib/installer.sh"
main "$@"
