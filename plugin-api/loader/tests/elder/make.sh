#!/bin/sh
# Builds the library that is kept in `built/` for as long as there are hosts of version 1. It was made once, with the plugin
# API of 1.0.0, and is never made again: another one would prove nothing of the plugins that are out there.
set -eu
cd "$(dirname "$0")"
# Whose machine it was is nobody's business.
RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo --remap-path-prefix=$(cd ../../../.. && pwd)=supervisor"
RUSTFLAGS="$RUSTFLAGS --remap-path-prefix=$HOME=home"
export RUSTFLAGS
target=${CARGO_TARGET_DIR:-$(mktemp -d)}
cargo build --release --target-dir "$target"
mkdir -p built
install -m 644 "$target/release/libelder.so" "built/elder-1.0.0-$(uname -m).so"
rustc --version > "built/elder-1.0.0-$(uname -m).txt"
