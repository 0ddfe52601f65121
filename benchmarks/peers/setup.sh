#!/usr/bin/env bash
# A folder with Debian sid and PyTorch for the processor, to be entered with chroot: what Sightline is timed against, on this machine
# and without touching its own packages. Takes a few minutes and about 2 GB.
#
#   sudo apt-get install -y debootstrap && sudo benchmarks/peers/setup.sh FOLDER [--language]      (--language: transformers and llama.cpp, too)
#   sudo umount FOLDER/proc FOLDER/dev && sudo rm -r --one-file-system FOLDER        takes it away again
set -euo pipefail

folder=${1:?usage: setup.sh FOLDER [--language]}
packages=(python3-torch python3-safetensors python3-numpy libopenblas0-openmp)
if [ "${2:-}" = --language ]; then
  packages+=(python3-transformers python3-torchvision python3-pil python3-sentencepiece python3-gguf llama.cpp llama.cpp-tools llama.cpp-tools-extra)
fi

if [ ! -f "$folder/etc/debian_version" ]; then
  debootstrap --variant=minbase sid "$folder"
fi

# names are looked up, and packages fetched, as this machine does it
cp /etc/resolv.conf "$folder/etc/resolv.conf"
for setting in /etc/apt/apt.conf.d/*; do
  if [ -f "$setting" ] && [ ! -e "$folder$setting" ]; then cp "$setting" "$folder$setting"; fi
done

mountpoint -q "$folder/proc" || mount -t proc proc "$folder/proc"
mountpoint -q "$folder/dev" || mount --bind /dev "$folder/dev"

chroot "$folder" apt-get update -q
DEBIAN_FRONTEND=noninteractive chroot "$folder" apt-get install -q -y --no-install-recommends "${packages[@]}"
chroot "$folder" python3 -c 'import torch; print("PyTorch", torch.__version__, "with", torch.get_num_threads(), "threads")'
