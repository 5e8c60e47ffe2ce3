#!/usr/bin/env bash
# build.sh: builds build/kirinuki and the library, with what is missing installed first.
. "$(dirname "$0")/lib.sh"
scripts/setup.sh build
build_in build '' kirinuki kirinuki-engine.so
