#!/bin/sh
# Runs fuzz targets, each for FUZZTIME. With FUZZ_SLICE=i/n only every n-th
# target, beginning with the i-th, so that a short run can rotate.
set -eu
: "${FUZZTIME:=60s}"
slice=${FUZZ_SLICE:-0/1}
i=${slice%/*} n=${slice#*/} k=0
grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do
	grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | sed 's/^func //' | sort -u | while read -r name; do
		echo "$dir $name"
	done
done | while read -r dir name; do
	k=$((k + 1))
	[ $((k % n)) -eq "$i" ] || continue
	echo "== $dir $name for $FUZZTIME"
	go test "$dir" -run '^$' -fuzz "^$name\$" -fuzztime "$FUZZTIME" -parallel 2
done
