#!/bin/sh
# Writes cases of every kind of source and puts all their KQL to the official
# parser. Where node or npm is missing it says so, and fails if NETCASE_PEERS=require.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for tool in node npm; do
	command -v "$tool" >/dev/null && continue
	echo "kql: $tool is not installed: the queries are not put to the parser"
	[ "${NETCASE_PEERS:-}" != require ]
	exit
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

netcase=$work/netcase
(cd "$here/../.." && CGO_ENABLED=0 "${GO:-go}" build -o "$netcase" ./cmd/netcase)

# investigate ends with 3 where an input is cut, and that one is meant to be.
investigate() { # name, arguments...
	name=$1
	shift
	code=0
	"$netcase" investigate --quiet --out "$work/$name" "$@" || code=$?
	[ "$code" -eq 0 ] || [ "$code" -eq 3 ]
}

"$netcase" queries --from 2025-10-01T00:00:00Z --to 2025-10-31T00:00:00Z --json >"$work/queries.json"
"$netcase" demo --out "$work/demo" >/dev/null 2>&1
for kind in vnet defender zeek; do
	investigate "$kind" --intel "$here/fixtures/intel.csv" "$here/fixtures/$kind"
done
"$netcase" simulate --volume azure-traffic --rows 10000 >"$work/cut.csv"
investigate cut "$work/cut.csv"

# A lock file without a registry's address: npm asks the one it is configured for,
# and the digest in the file says what it must send.
if [ ! -d "$here/node_modules" ] || [ "$here/package-lock.json" -nt "$here/node_modules/.package-lock.json" ]; then
	(cd "$here" && npm ci --silent </dev/null)
fi
node "$here/check.mjs" "$work/queries.json" "$work"/*/case.json "$work"/demo/*/case.json
