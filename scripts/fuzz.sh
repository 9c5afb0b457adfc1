#!/bin/sh
# Runs fuzz targets, each for FUZZTIME: all of them, or those named as arguments.
# With FUZZ_SLICE=i/n only every n-th target, beginning with the i-th, so that a
# short run can rotate. What crashes is kept in testdata/fuzz of its package.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
: "${FUZZTIME:=60s}"
slice=${FUZZ_SLICE:-0/1}
i=${slice%/*} n=${slice#*/} k=0 ran=0
wanted=" $* "
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cache=$("$go" env GOCACHE)/fuzz/netcase

# targets prints "folder name" of every target.
targets() {
	grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' . | while read -r file; do
		grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | sed "s|^func |$(dirname "$file") |"
	done | sort -u
}

# once fuzzes one target with the binary of its package, in the folder of the package.
once() { # folder, name, log
	mkdir -p "$cache/$1"
	(cd "$1" && "$work/test" -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "$FUZZTIME" -test.fuzzminimizetime 5x \
		-test.fuzzcachedir "$cache/$1" -test.parallel 2 </dev/null >"$3" 2>&1) || return 1
}

# unlucky tells that a run ended with its time and not with a finding: at the end
# the engine may report its own deadline as a failure.
unlucky() { # log
	grep -q 'context deadline exceeded' "$1" && ! grep -q 'Failing input written' "$1"
}

targets >"$work/targets"
built=
while read -r dir name; do
	[ "$wanted" = "  " ] || case $wanted in *" $name "*) ;; *) continue ;; esac
	k=$((k + 1))
	[ $((k % n)) -eq "$i" ] || continue
	if [ "$built" != "$dir" ]; then # instrumented and linked once for all targets of the package
		"$go" test -c -o "$work/test" -fuzz . "$dir"
		built=$dir
	fi
	if ! once "$dir" "$name" "$work/log" && ! { unlucky "$work/log" && once "$dir" "$name" "$work/log"; }; then
		echo "$dir $name failed:"
		cat "$work/log"
		exit 1
	fi
	echo "$dir $name: $(grep -E '^fuzz: elapsed' "$work/log" | tail -n 1)"
	ran=$((ran + 1))
done <"$work/targets"
echo "$ran targets for $FUZZTIME each"
[ "$ran" -gt 0 ]
