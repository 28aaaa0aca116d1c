#!/bin/sh
# Lists the module files that the named modules need, in loading order. Usage: modules.sh KERNELDIR NAME...
#
# KERNELDIR is one that kernels.sh made. Prints paths relative to KERNELDIR/modules, each once, every module after all
# that it depends on (modules.dep: what modprobe --show-depends answers). What is built into the kernel prints nothing;
# an unknown name is an error. Soft dependencies (crypto algorithms by name, mostly) are not followed: name them.
set -eu

[ $# -ge 1 ] || { echo "usage: modules.sh KERNELDIR NAME..." >&2; exit 2; }
tree=$1/modules
shift
for f in modules.dep modules.builtin; do
	[ -f "$tree/$f" ] || { echo "modules.sh: $tree/$f is missing; run kernels.sh" >&2; exit 1; }
done
[ $# -gt 0 ] || exit 0

awk -v names="$*" '
function name(path) {
	sub(/.*\//, "", path)
	sub(/\.ko(\.[a-z0-9]+)?$/, "", path)
	gsub(/-/, "_", path)
	return path
}
function put(path) { if (!done[path]++) print path }
FNR == NR { builtin[name($1)] = 1; next }
{
	sub(/:$/, "", $1)
	file[name($1)] = $1
	need[$1] = ""
	for (i = NF; i > 1; i--)	# modules.dep has the last to load first
		need[$1] = need[$1] " " $i
}
END {
	n = split(names, want, " ")
	for (i = 1; i <= n; i++) {
		m = name(want[i])
		if (m in file) {
			k = split(need[file[m]], dep, " ")
			for (j = 1; j <= k; j++)
				put(dep[j])
			put(file[m])
		} else if (!(m in builtin)) {
			print "modules.sh: this kernel has no module " want[i] > "/dev/stderr"
			exit 1
		}
	}
}' "$tree/modules.builtin" "$tree/modules.dep"
