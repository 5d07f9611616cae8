package fixes

import "strings"

// SplitImage parts an image's name from its tag, which is empty where there is none;
// a digest is left out.
func SplitImage(image string) (name, tag string) {
	name, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') { // else it is a port
		return name[:colon], name[colon+1:]
	}
	return name, ""
}

// IsImage reports whether an image is a known one ("calico/node"), wherever it is
// pulled from: mirrors keep the last parts of the name.
func IsImage(image, known string) bool {
	name, _ := SplitImage(image)
	return name == known || strings.HasSuffix(name, "/"+known)
}
