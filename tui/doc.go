// Package tui is the terminal UI: what a scan finds is read, its fixes are
// staged, and the plan they make is looked at, applied and undone, or exported.
//
// There is one Bubble Tea model, app. Everything else is a plain struct that
// renders lines of a given width, or pure state that a test can drive without
// a terminal. Nothing blocks in Update: what takes time runs in commands,
// which hand their result back as a message and never touch the model.
//
// The package knows the domain (fixes) and the functions of a [Session], and
// nothing of a cluster.
package tui
