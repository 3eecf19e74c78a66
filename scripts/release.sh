#!/usr/bin/env bash
# Builds the example program twice, in two copies of the sources, compares the two files, and
# writes the file and its software bill of materials (CycloneDX) to bin/release.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOWORK=off
go=${GO:-go}
out=$PWD/bin/release
work=$(mktemp -d "${TMPDIR:-/tmp}/usersession-release.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

for copy in one two; do
	mkdir "$work/$copy"
	tar --exclude=./.git --exclude=./bin --exclude=node_modules -cf - . | tar -xf - -C "$work/$copy"
	# Without cgo no C compiler takes part. Without a VCS stamp and with -trimpath the file does
	# not depend on the folder.
	(cd "$work/$copy/examples/bff" && CGO_ENABLED=0 "$go" build -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o "$work/$copy.bin" .)
done
if ! cmp "$work/one.bin" "$work/two.bin"; then
	echo "release: two builds of the same sources differ"
	exit 1
fi
cp "$work/one.bin" "$out/bff"
GOBIN=$work "$go" install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
(cd examples/bff && CGO_ENABLED=0 "$work/cyclonedx-gomod" app -json -licenses -output "$out/bff.cdx.json" -main . . 2>"$work/log") || { cat "$work/log"; exit 1; }
(cd "$out" && sha256sum bff bff.cdx.json | tee SHA256SUMS)
echo "release: $("$go" version "$out/bff"), with $(grep -c '"purl"' "$out/bff.cdx.json") entries in the bill of materials"
