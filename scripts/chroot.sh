# Functions for scripts that run a database server of another Debian release, without
# containers: the server is installed in a chroot, which is kept in bin/.chroot and used
# again. It can be removed like any other directory: nothing stays mounted in it.
#
#   . scripts/chroot.sh
#
# The scripts need Debian, root and debootstrap. USERSESSION_CHROOTS is another directory
# for the chroots. To get newer packages, remove it.

die() {
	echo "$*" >&2
	exit 1
}

# debian_mirror prints the mirror that this machine's apt uses.
debian_mirror() {
	# Suites with a hyphen or a slash in their names are updates of other suites.
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Component: main' |
		awk '$2 !~ /[-\/]/ && $1 !~ /security/ {print $1; exit}'
}

# debian_chroot SUITE PACKAGE… sets root to a chroot of the suite with the packages.
debian_chroot() {
	local suite=$1 mirror partial proxy=
	shift
	root=${USERSESSION_CHROOTS:-$PWD/bin/.chroot}/$suite
	[[ $(. /etc/os-release 2>/dev/null && echo "$ID") == debian ]] ||
		die "$0 needs Debian, because it installs the server from Debian's $suite"
	[[ $(id -u) == 0 ]] || die "$0 needs root, because it runs the server in a chroot"
	[[ ! -e $root ]] || return 0
	command -v debootstrap >/dev/null || die "$0 needs debootstrap: apt-get install debootstrap"
	mirror=$(debian_mirror)
	[[ -n $mirror ]] || die "$0 found no mirror of Debian in the configuration of apt (apt-get indextargets)"
	echo "--- installing $* of Debian's $suite from $mirror in $root"
	partial=$root.partial
	rm -rf "$partial"
	mkdir -p "$partial"
	eval "$(apt-config shell proxy Acquire::http::Proxy)"
	# debootstrap downloads with wget, which does not read apt's configuration.
	http_proxy=${http_proxy:-$proxy} debootstrap --variant=minbase "$suite" "$partial" "$mirror" >"$root.log" 2>&1 ||
		die "debootstrap failed, see $root.log"
	cp -a /etc/apt/apt.conf* /etc/apt/auth.conf* "$partial/etc/apt/" 2>/dev/null || true
	cp /etc/hosts "$partial/etc/hosts"
	echo "deb $mirror $suite main" >"$partial/etc/apt/sources.list"
	printf '#!/bin/sh\nexit 101\n' >"$partial/usr/sbin/policy-rc.d" # start no service
	chmod +x "$partial/usr/sbin/policy-rc.d"
	{
		chroot "$partial" apt-get update -q &&
			DEBIAN_FRONTEND=noninteractive chroot "$partial" apt-get install -qy --no-install-recommends "$@"
	} >>"$root.log" 2>&1 </dev/null || die "the installation failed, see $root.log"
	mv "$partial" "$root"
}
