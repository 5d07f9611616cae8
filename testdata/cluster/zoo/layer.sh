#!/bin/sh
# Makes the layer of an image: what packages and a script put over the layers
# below it.
#
#	unshare --mount sh layer.sh LAYER BELOW FILES SETUP [DEB...]
#
# LAYER is an empty folder; BELOW the folder of the layer below, or empty; FILES
# a folder that is copied over what the packages have; SETUP a script that runs
# in the image at the end, since the packages' own do not. The mounts go with the
# namespace.
set -eu
layer=$1 below=$2 files=$3 setup=$4
shift 4
work=$(mktemp -d "$layer.XXXXXX")
root=$layer
if [ -n "$below" ]; then
	mkdir "$work/work" "$work/root"
	mount -t overlay -o "lowerdir=$below,upperdir=$layer,workdir=$work/work,metacopy=off,redirect_dir=off" overlay "$work/root"
	root=$work/root
else
	for dir in bin sbin lib lib64; do # as every Debian since 12 has them
		mkdir -p "$root/usr/$dir"
		ln -s "usr/$dir" "$root/$dir"
	done
fi
for deb; do
	dpkg-deb --extract "$deb" "$root"
done
[ ! -d "$files" ] || cp -R "$files/." "$root"
chroot "$root" /bin/sh -eu <"$setup"
rm -rf "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/locale "$root"/usr/share/info
[ -z "$below" ] || umount "$root"
rm -rf "$work"
